#include "experiments/derive/theorem.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "engine/io/file.h"
#include "experiments/sweep/flags.h"
#include "experiments/sweep/program.h"

namespace cofactor::theorem {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostSamples = 100'000'000, kMostClassifiers = 5'000, kMostRepetitions = 1'000, kMostBatches = 10'000;
constexpr size_t kMostNoises = 12;  // that the figures' key has room for

struct TheoremOptions {
  int64_t classes = 3;
  uint64_t seed = 1;
  std::vector<std::string> noises = {"uniform", "flip"};
  std::vector<double> rates = {0.4, 0.8};
  std::optional<std::string> transition;
  int64_t classifiers = 80;
  std::vector<int64_t> samples = {10, 100, 1'000, 10'000, 100'000, 1'000'000};
  int64_t repetitions = 20;
  std::vector<double> epsilons = {1e-3, 1e-6};
  std::vector<int64_t> batch_sizes = {8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
  int64_t batches = 400;
  std::string format = "text";
  fs::path out;
};

template <class T>
std::string list_text(const std::vector<T>& values) {
  return fmt::format("{}", fmt::join(values, ","));
}

void check_range(const char* flag, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most) usage("{} {}: expected a number from {} to {}", flag, value, least, most);
}

void check_sizes(const char* flag, std::vector<int64_t>& sizes, int64_t most) {
  for (const int64_t size : sizes) check_range(flag, size, 1, most);
  std::ranges::sort(sizes);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
}

void check_options(TheoremOptions& options) {
  if (options.classes == 1)
    usage("--classes 1: expected at least 2; with one class every label is the same and says nothing");
  if (options.classes < 2 || options.classes > kMostClasses) {
    usage(
        "--classes {}: expected a number from 2 to {}; |det U| is at most C^-C, and with more classes C it is too "
        "small "
        "for a double",
        options.classes, kMostClasses);
  }
  check_range("--classifiers", options.classifiers, 4, kMostClassifiers);
  check_range("--repetitions", options.repetitions, 2, kMostRepetitions);
  check_range("--batches", options.batches, 2, kMostBatches);
  check_sizes("--samples", options.samples, kMostSamples);
  check_sizes("--batch-size", options.batch_sizes, kLargestBatch);
  for (const double epsilon : options.epsilons)
    if (!(epsilon > 0.0)) usage("--epsilon {}: expected a positive number", epsilon);
}

// Returns false where --help was given.
bool parse_theorem(TheoremOptions& options, int argc, char** argv) {
  Flags flags("derive theorem",
              "Theorem 4.1 in numbers and as figures: label noise multiplies DMI = |det U| by |det T| for every "
              "classifier, so that loss(noisy) = loss(clean) - log|det T|");
  flags.add("--classes", options.classes, fmt::format("Classes, 2 to {}", kMostClasses));
  flags.add("--seed", options.seed, "Decides all random numbers");
  const Flag noise = flags.add("--noise", options.noises, fmt::format("Noises: {}", fmt::join(noise_kinds(), ", ")))
                         .default_text(list_text(options.noises));
  const Flag rate =
      flags.add("--rate", options.rates, "Rates of each noise, from 0 to 1").default_text(list_text(options.rates));
  flags
      .add("--transition", options.transition,
           "One noise in place of --noise: the file of a transition matrix, one line per class")
      .excludes(noise)
      .excludes(rate);
  flags.add("--classifiers", options.classifiers, "Random classifiers (parts 1 and 3)");
  flags.add("--samples", options.samples, "Sample sizes N (part 2)").default_text(list_text(options.samples));
  flags.add("--repetitions", options.repetitions, "Repetitions of each sample size (part 2)");
  flags.add("--epsilon", options.epsilons, "Of the smoothed loss, -log(|det U| + epsilon) (part 4)")
      .default_text(list_text(options.epsilons));
  flags.add("--batch-size", options.batch_sizes, "Batch sizes (part 5)").default_text(list_text(options.batch_sizes));
  flags.add("--batches", options.batches, "Batches of each size (part 5)");
  flags.add("--format", options.format, "How the tables are written: text or markdown").one_of({"text", "markdown"});
  flags.add("--out", options.out, "Folder for theorem.csv and the figures, as SVG and PNG; without it none is written");
  if (!flags.parse(argc, argv)) return false;
  check_options(options);
  return true;
}

std::vector<NamedNoise> noises_of(const TheoremOptions& options) {
  std::vector<NamedNoise> noises;
  if (options.transition) {
    noises.push_back(noise_from_file(*options.transition, options.classes));
    return noises;
  }
  for (const std::string& kind : options.noises) {
    for (const double rate : options.rates) {
      NamedNoise noise = make_noise(kind, rate, options.classes, options.seed);
      if (std::ranges::find(noises, noise.name, &NamedNoise::name) == noises.end()) noises.push_back(std::move(noise));
    }
  }
  if (noises.size() > kMostNoises)
    usage("--noise and --rate: {} combinations, expected at most {}", noises.size(), kMostNoises);
  return noises;
}

void write_files(const TheoremResults& results, const NumbersCsv& csv, const fs::path& folder) {
  write_file_atomically(folder / "theorem.csv", csv.text());
  fmt::print("{}\n", (folder / "theorem.csv").string());
  std::fflush(stdout);
  for (const fs::path& file : draw_theorem(results, folder)) fmt::print("{}\n", file.string());
}

}  // namespace
}  // namespace cofactor::theorem

namespace cofactor {

int derive_theorem(int argc, char** argv) {
  using namespace theorem;
  TheoremOptions options;
  if (!parse_theorem(options, argc, argv)) return 0;
  const std::vector<NamedNoise> noises = noises_of(options);
  if (!options.out.empty()) ensure_writable_directory(options.out);
  const World world = make_world(options.classes, options.seed);
  // Before the others are printed, since it refuses noise whose labels are too rare.
  BatchResult batches = draw_batches(world, noises.front(), options.batch_sizes, options.batches, options.seed);
  NumbersCsv csv;
  TheoremResults results;
  int64_t wrong = 0;
  const auto print = [&](const Section& section) {
    wrong += std::ranges::count_if(section.checks, &Holds::is_wrong);
    fmt::print("{}", format_section(section, options.format == "markdown"));
    std::fflush(stdout);
  };
  const auto finish = [&]<class Result>(Result& place, Result&& result, auto section_of) {
    place = std::forward<Result>(result);
    add_numbers(place, csv);
    print(section_of(place));
  };
  finish(results.order, compare_orders(world, noises, options.classifiers, options.seed), order_section);
  finish(results.convergence, estimate_constants(world, noises, options.samples, options.repetitions, options.seed),
         convergence_section);
  finish(results.processing, process_classifiers(world, options.classifiers, options.seed), processing_section);
  finish(results.gradient, approach_singular(world, options.epsilons, options.seed), gradient_section);
  finish(results.batches, std::move(batches), batch_section);
  if (!options.out.empty()) write_files(results, csv, options.out);
  check(wrong == 0, "{} of the checks above {} not hold", wrong, wrong == 1 ? "does" : "do");
  return 0;
}

}  // namespace cofactor
