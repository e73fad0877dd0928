#include "tests/fuzz/corpus.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <vector>

#include "engine/io/file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

constexpr double kMaxSeconds = 5;          // of processor time per file, also with sanitizers
constexpr long kMaxKilobytes = 256 << 10;  // of growth of the peak resident memory

double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

long peak_kilobytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

}  // namespace

void run_corpus(const std::string& parser, int (*target)(const uint8_t*, size_t)) {
  const auto files = files_in(std::filesystem::path(COFACTOR_SOURCE_DIR "/tests/fuzz/corpus") / parser);
  CHECK(!files.empty());
  for (const std::filesystem::path& file : files) {
    const std::string name = file.filename().string(), bytes = read_file(file);
    CAPTURE(name);
    const double begin = processor_seconds();
    const long peak = peak_kilobytes();
    CHECK(target(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) == 0);
    const std::string message = last_error ? last_error->what() : "";
    CAPTURE(message);
    CHECK(processor_seconds() - begin < kMaxSeconds);
    CHECK(peak_kilobytes() - peak < kMaxKilobytes);
    CHECK(last_error.has_value() == !message.empty());
    if (name.starts_with("good_")) CHECK(!last_error.has_value());
    if (name.starts_with("bad_")) CHECK(last_error.has_value());
  }
}

}  // namespace cofactor::testing
