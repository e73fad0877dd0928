// Times the reading of a table of labels, or of an array of features, from a file that is in the page cache, in this
// process's processor time.
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "data/files/label_table.h"
#include "data/sets/feature_array.h"
#include "experiments/sweep/flags.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

struct TableBench {
  std::filesystem::path data;
  int repeats = 5;
};

// In seconds, of all threads.
double processor_time() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// This process's memory without the pages of mapped files, in MiB.
double own_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;)
    if (double kib = 0; key == "RssAnon:" && status >> kib) return kib / 1024;
  return -1;
}

void report(std::string_view what, int64_t rows, double megabytes, double begin, double own_before) {
  const double seconds = processor_time() - begin;
  fmt::print(
      "workload={} rows={} megabytes={:.1f} processor_seconds={:.3f} megabytes_per_second={:.0f} own_mib={:.1f}\n",
      what, rows, megabytes, seconds, megabytes / seconds, own_mib() - own_before);
}

void run_table_bench(const TableBench& options) {
  const double megabytes = static_cast<double>(std::filesystem::file_size(options.data)) / 1e6;
  const bool array = options.data.extension() == ".npy";
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    const double own = own_mib(), begin = processor_time();
    if (!array) {
      const LabelTable table = LabelTable::open(options.data);
      report("label_table", table.rows(), megabytes, begin, own);
      continue;
    }
    const auto features = open_features(options.data);
    std::vector<int64_t> rows(static_cast<size_t>(features->rows()));
    std::iota(rows.begin(), rows.end(), 0);
    const FeatureScaling scaling = measure_scaling(*features, rows);
    report("measure_scaling", features->rows(), megabytes, begin, own);
    const double reading = processor_time();
    const FeatureArray data(features, scaling, std::vector<int32_t>(rows.size()), 1);
    std::vector<float> sample(static_cast<size_t>(features->row_elements()));
    for (const int64_t row : rows) data.read(row, {}, sample.data());
    report("read_features", features->rows(), megabytes, reading, own);
  }
}

int table_bench_main(int argc, char** argv) {
  TableBench options;
  Flags flags("cofactor_table_bench", "Times the readers of tables and arrays and prints lines of key=value pairs.");
  flags.add("--data", options.data, "A CSV, TSV or JSONL file with labels, or features in a .npy file").required();
  flags.add("--repeats", options.repeats, "How often it is read").positive();
  if (flags.parse(argc, argv)) run_table_bench(options);
  return 0;
}

}  // namespace
}  // namespace cofactor

int main(int argc, char** argv) {
  return cofactor::run_main("cofactor_table_bench", [&] { return cofactor::table_bench_main(argc, argv); });
}
