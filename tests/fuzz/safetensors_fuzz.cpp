// safetensors files, also as initial weights and as the checkpoint of a run.
#include "engine/io/safetensors.h"

#include <cstdint>
#include <string>

#include "experiments/training/checkpoint.h"
#include "layers/linear.h"
#include "layers/pretrained.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

// Writes the length of the header before an input that begins with a brace, whose first line is the header: a fuzzer
// would not find it.
std::string with_length(std::string_view bytes) {
  if (!bytes.starts_with('{')) return std::string(bytes);
  const size_t length = std::min(bytes.find('\n'), bytes.size());
  std::string file;
  for (size_t i = 0; i < 8; ++i) file.push_back(static_cast<char>(length >> (8 * i) & 0xff));
  file += bytes.substr(0, length);
  file += bytes.substr(std::min(length + 1, bytes.size()));
  return file;
}

void read_tensors(std::string_view bytes) {
  static MemoryFile file;
  const auto& path = file.holding(with_length(bytes));
  const SafetensorsFile read = load_safetensors(path, Device::reference);
  ignore_error([&] { load_checkpoint(path, Device::reference); });
  ignore_error([&] {
    Initializer init(Device::reference, 1);
    Linear layer(init, {.in_features = 2, .out_features = 2});
    load_pretrained(layer, read.tensors);
  });
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_tensors({reinterpret_cast<const char*>(data), size}); });
}
