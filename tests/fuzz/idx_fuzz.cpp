// IDX files, plain and gzipped: of images if the first byte of the input is even, otherwise of labels.
#include "data/sets/idx.h"

#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_values(std::string_view bytes) {
  static MemoryFile file;
  const bool labels = !bytes.empty() && bytes.front() % 2 != 0;
  const IdxFile idx = read_idx(file.holding(bytes.substr(bytes.empty() ? 0 : 1)), labels ? 1 : 3);
  if (idx.values.size() != static_cast<size_t>(idx.shape.numel())) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_values({reinterpret_cast<const char*>(data), size}); });
}
