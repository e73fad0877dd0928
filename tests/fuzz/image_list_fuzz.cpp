// Annotation files, with a path and a label on each line.
#include "data/images/image_list.h"

#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_list(std::string_view bytes) {
  static MemoryFile file;
  const ImageList list = read_image_list(file.holding(bytes), "root", {"a", "b", "c"});
  if (list.names.size() != list.labels.size() || list.names.empty()) std::abort();
  for (const int32_t label : list.labels)
    if (label < 0 || label > 2) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_list({reinterpret_cast<const char*>(data), size}); });
}
