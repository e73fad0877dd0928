// A label noise transition matrix of three classes.
#include "data/noise/file.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_matrix(std::string_view bytes) {
  static MemoryFile file;
  const Transition transition = read_transition(file.holding(bytes), 3);
  for (const double value : transition.values())
    if (!(value >= 0.0 && value <= 1.0)) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_matrix({reinterpret_cast<const char*>(data), size}); });
}
