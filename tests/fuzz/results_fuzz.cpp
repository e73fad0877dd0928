// The files results.jsonl and metrics.jsonl.
#include "experiments/report/results.h"

#include <cstdint>
#include <cstdlib>

#include "experiments/training/checkpoint.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_lines(std::string_view bytes) {
  static MemoryFile file;
  const auto& path = file.holding(bytes);
  if (bytes.find("\"epoch\"") != std::string_view::npos) {
    for (const EpochMetrics& epoch : read_metrics(path))
      if (epoch.epoch < 0) std::abort();
    return;
  }
  for (const Result& result : read_results(path).results)
    if (to_json(parse_result(to_json(result))) != to_json(result)) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_lines({reinterpret_cast<const char*>(data), size}); });
}
