// Predicts the classes of new samples with the network of a finished run.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "data/files/file_account.h"
#include "engine/cores.h"
#include "engine/device.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"
#include "experiments/own_data/predict_all.h"
#include "experiments/own_data/run_folder.h"
#include "experiments/sweep/flags.h"
#include "experiments/sweep/precision.h"
#include "experiments/sweep/program.h"
#include "experiments/training/activity.h"
#include "experiments/training/console.h"
#include "experiments/training/progress.h"
#include "experiments/training/stop.h"

namespace {

using namespace cofactor;
namespace fs = std::filesystem;

constexpr int64_t kMaxBatch = 1'000'000;

struct PredictFlags {
  fs::path run, out;
  InputChoice input;
  CsvColumns columns;
  PredictOptions options;
  std::string header, device = "auto";
  std::optional<std::string> precision;
  std::optional<int> threads, workers;
};

void add_flags(Flags& flags, PredictFlags& given) {
  flags.add("--run", given.run, "Folder of a run, or a folder above it with no other run below").required();
  flags
      .add("--data", given.input.data,
           "An image; a folder of images, at any depth; a table (.csv, .tsv, .jsonl) of paths or texts; an .npy array "
           "of features; a .txt file, or - for standard input, with a path or a text on each line")
      .required();
  flags.add("--out", given.out,
            "A .csv file for the predictions, or an .npy file for the probabilities (samples, classes) "
            "[a table on standard output]");
  flags.add("--top", given.columns.top, "So many classes of each sample, the likeliest first").positive();
  flags.add("--probabilities", given.columns.probabilities, "A column for the probability of each class");
  flags.start_group("Tables");
  flags.add("--path-column", given.input.path_column, "Column of the images' paths [path, file, image and the like]");
  flags.add("--text-column", given.input.text_column, "Column of the texts [text, sentence and the like]");
  flags.add("--id-column", given.input.id_column, "Column that names the samples [paths, or numbers of rows, from 1]");
  flags.add("--label-column", given.input.label_column,
            "Column of labels, to print the accuracy; they do not change the predictions");
  flags.add("--header", given.header, "yes or no: whether the first row has the columns' names [by its content]")
      .one_of({"yes", "no"});
  flags.start_group("Machine");
  flags.add("--batch-size", given.options.batch_size,
            "Samples at once; the probabilities are the same for every size, up to rounding");
  flags.add("--device", given.device, "auto, cpu, cuda, cuda:N (the GPU number N, from 0) or reference");
  flags.add("--precision", given.precision, "f32, or bf16; tf32 where the device has it [the run's]");
  flags.add("--threads", given.threads, "Threads of the network's kernels")
      .default_text(fmt::format("all cores: {}", std::min(num_threads(), max_threads())));
  flags.add("--workers", given.workers, "Threads that read and decode ahead; 0: none")
      .default_text("for images one less than there are cores, else 1");
  flags.footer(
      "The columns are id, predicted_label, probability; with --top K also label_2, probability_2 to label_K,\n"
      "probability_K; with --probabilities also probability_CLASS. The order is that of the input. A sample that "
      "cannot\n"
      "be read is named on standard error, and its row is empty behind the id (NaN in an .npy file). The file of "
      "--out\n"
      "appears whole or not at all.\n"
      "Exit code: 0 done, 1 failed or a sample could not be read, 2 bad usage.");
}

bool is_array(const fs::path& out) {
  return lower_case(out.extension().string()) == ".npy";
}

void check_flags(PredictFlags& given) {
  const std::string extension = lower_case(given.out.extension().string());
  if (!given.out.empty() && extension != ".csv" && extension != ".npy")
    usage("--out {}: expected a name that ends in .csv or .npy", given.out.string());
  if (is_array(given.out) && (given.columns.top > 1 || given.columns.probabilities))
    usage("--out {}: an array has the probabilities of all classes; --top and --probabilities are for tables",
          given.out.string());
  if (given.options.batch_size < 1 || given.options.batch_size > kMaxBatch)
    usage("--batch-size {}: expected 1 to {}", given.options.batch_size, kMaxBatch);
  if (given.threads && (*given.threads < 1 || *given.threads > max_threads()))
    usage("--threads {}: expected 1 to {}", *given.threads, max_threads());
  if (given.workers && (*given.workers < 0 || *given.workers > max_threads()))
    usage("--workers {}: expected 0 to {}", *given.workers, max_threads());
  if (!given.header.empty()) given.input.header = given.header == "yes";
}

std::unique_ptr<PredictionsWriter> open_out(const PredictFlags& given, const PredictionInputs& inputs,
                                            const RunModel& model) {
  if (!is_array(given.out)) return write_csv(given.out, model.classes, given.columns);
  return write_array(given.out, *inputs.size, std::ssize(model.classes));
}

void print_outcome(const PredictFlags& given, const PredictionInputs& inputs, const PredictOutcome& outcome) {
  std::string text;
  if (!given.out.empty()) {
    text = fmt::format("{} of {} in {}\n",
                       outcome.samples - outcome.unread == 1
                           ? "1 prediction"
                           : in_thousands(outcome.samples - outcome.unread) + " predictions",
                       counted(outcome.samples, "sample", "samples"), printable(given.out.string()));
  }
  if (inputs.labels && outcome.labelled > 0) {
    text += fmt::format("accuracy {:.2f}%: {} of {} right\n",
                        100.0 * static_cast<double>(outcome.correct) / static_cast<double>(outcome.labelled),
                        in_thousands(outcome.correct), counted(outcome.labelled, "label", "labels"));
  } else if (inputs.labels) {
    text += "accuracy: no predicted sample has a label of the network's classes\n";
  }
  if (outcome.other > 0)
    text += fmt::format("{} none of the network's classes and {} not counted\n",
                        outcome.other == 1 ? "1 label is" : in_thousands(outcome.other) + " labels are",
                        outcome.other == 1 ? "is" : "are");
  // Standard output has the table where there is no file.
  if (!text.empty()) write_text(given.out.empty() ? stderr : stdout, text);
}

// The run's own, unless the flag says otherwise; f32 where the device does not have that.
std::string choose_precision(const PredictFlags& given, const RunModel& model) {
  const std::string wanted = given.precision.value_or(model.precision);
  try {
    use_precision(wanted, given.options.device);
    return wanted;
  } catch (const UsageError& error) {
    if (given.precision) throw;
    print_error(fmt::format("predict: computes in f32 in place of the run's precision: {}", error.what()));
    return "f32";
  }
}

int predict(int argc, char** argv) {
  PredictFlags given;
  Flags flags("predict", "Predicts the classes of images, texts or features with the network of a finished run");
  add_flags(flags, given);
  if (!flags.parse(argc, argv)) return 0;
  now_doing("before predicting");
  check_flags(given);
  given.options.device = as_usage("--device", given.device, parse_device);

  const StopSignals signals;
  const fs::path folder = find_run(given.run);
  const RunModel model = read_run_model(folder);
  const std::string precision = choose_precision(given, model);
  if (given.columns.top > std::ssize(model.classes))
    usage("--top {}: the network has {} classes", given.columns.top, model.classes.size());
  const int cores = usable_cores();
  set_num_threads(given.threads.value_or(std::min(num_threads(), max_threads())));
  given.options.workers = given.workers.value_or(model.kind() == SampleKind::images ? std::max(1, cores - 1) : 1);
  given.input.threads = cores;
  given.input.count_lines = is_array(given.out);
  PredictionInputs inputs = open_inputs(given.input, model);
  const auto writer = open_out(given, inputs, model);
  const auto network = load_network(folder, model, given.options.device);
  network->compute_in_bf16(precision == "bf16");

  now_doing("predicting");
  std::optional<ConsoleProgress> progress;
  const bool to_terminal = given.out.empty() && isatty(STDOUT_FILENO) == 1;
  if (inputs.size && !to_terminal && isatty(STDERR_FILENO) == 1) {
    progress.emplace(stderr, true, *inputs.size);
    progress->start("predicting");
  }
  const auto say = [&](const std::string& line) { progress ? progress->failure(line) : print_error(line); };
  for (const std::string& note : inputs.notes) say(with_program("predict", note));
  const PredictOutcome outcome =
      predict_all(*network, inputs, *writer, given.options,
                  {.unread = [&](const std::string& reason) { say(with_program("predict", printable(reason))); },
                   .advance =
                       [&](int64_t samples) {
                         if (progress) progress->advance(samples);
                       }});
  progress.reset();
  print_outcome(given, inputs, outcome);
  if (outcome.unread == 0) return 0;
  print_error(fmt::format("predict: {} of {} without a prediction", in_thousands(outcome.unread),
                          counted(outcome.samples, "sample", "samples")));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main("predict", [&] { return predict(argc, argv); });
}
