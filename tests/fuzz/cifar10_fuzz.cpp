// CIFAR-10's binary version, with the input as every batch.
#include "data/sets/cifar10.h"

#include <cstdint>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_batches(std::string_view bytes) {
  static MemoryFolder folder({"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                              "data_batch_5.bin", "test_batch.bin"});
  load_cifar10(folder.holding(bytes));
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_batches({reinterpret_cast<const char*>(data), size}); });
}
