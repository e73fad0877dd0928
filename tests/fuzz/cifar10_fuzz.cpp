// CIFAR-10's binary version; the input is every batch.
#include "data/sets/cifar10.h"

#include <cstdint>

#include "tests/fixtures/temporary_folder.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

// A folder in which all names stand for one file in memory.
struct CifarBatches {
  CifarBatches() {
    for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                             "data_batch_5.bin", "test_batch.bin"})
      std::filesystem::create_symlink(file.path(), folder / name);
  }
  MemoryFile file;
  TemporaryFolder folder;
};

void read_batches(std::string_view bytes) {
  static CifarBatches batches;
  batches.file.holding(bytes);
  load_cifar10(batches.folder.path());
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_batches({reinterpret_cast<const char*>(data), size}); });
}
