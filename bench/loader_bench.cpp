// Times the loading of image files, and shows whether memory stays constant over a long epoch. Files are decoded,
// resized, augmented and normalised as Clothing1M's training images are; nothing else runs.
// bench/pytorch_loader_bench.py does the same with PyTorch.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <vector>

#include "data/loader.h"
#include "data/sets/clothing1m.h"
#include "engine/cores.h"
#include "experiments/sweep/flags.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

constexpr int kReadings = 10;  // of the memory, over the epoch

struct LoaderBench {
  std::filesystem::path data;
  int64_t images = 0;
  int64_t batch_size = 128;
  int workers = usable_cores();
};

// The resident memory of this process, in MiB.
double resident_mib() {
  int64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0);
}

void run(const LoaderBench& options) {
  const auto list = std::make_shared<const ImageList>(list_class_folders(options.data));
  const auto images = std::make_shared<const ImageFileDataset>(list, clothing1m_training_transform());
  const int64_t count = options.images > 0 ? options.images : images->size();
  check(count <= images->size(), "--images {}: there are {}", count, images->size());
  const auto order = random_permutation({1, Purpose::split, 0, 0}, images->size());
  Loader loader(make_split(images, order, 0, count), {.batch_size = options.batch_size, .workers = options.workers});
  const auto start = std::chrono::steady_clock::now();
  std::vector<double> memory;
  int64_t seen = 0;
  loader.start_epoch(0);
  while (const auto batch = loader.next()) {
    seen += batch->size();
    const auto due = static_cast<int64_t>(memory.size() + 1) * count / kReadings;
    if (seen >= due) memory.push_back(resident_mib());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto [least, most] = std::ranges::minmax(memory);
  fmt::print(
      "workload=loader workers={} batch_size={} images={} seconds={:.2f} samples_per_second={:.1f} "
      "samples_per_second_and_worker={:.1f} resident_mib_first={:.1f} resident_mib_least={:.1f} "
      "resident_mib_most={:.1f}\n",
      options.workers, options.batch_size, seen, seconds, static_cast<double>(seen) / seconds,
      static_cast<double>(seen) / seconds / std::max(options.workers, 1), memory.front(), least, most);
}

int main_with(int argc, char** argv) {
  LoaderBench options;
  Flags flags("cofactor_loader_bench", "Times the loader on image files and prints one line of key=value pairs.");
  flags.add("--data", options.data, "A folder with a folder of images for each class").required();
  flags.add("--images", options.images, "Images of the epoch; 0: all").non_negative();
  flags.add("--batch-size", options.batch_size, "Samples per batch").positive();
  flags.add("--workers", options.workers, "Threads that read ahead; 0: none").non_negative();
  if (flags.parse(argc, argv)) run(options);
  return 0;
}

}  // namespace
}  // namespace cofactor

int main(int argc, char** argv) {
  return cofactor::run_main("cofactor_loader_bench", [&] { return cofactor::main_with(argc, argv); });
}
