// The safetensors format: an 8-byte little-endian header length, a JSON header {name: {dtype, shape, data_offsets}},
// and the tensors' bytes, row-major. https://huggingface.co/docs/safetensors
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/named_tensor.h"

namespace cofactor {

struct SafetensorsFile {
  std::vector<NamedTensor> tensors;             // in the order of their bytes
  std::map<std::string, std::string> metadata;  // "__metadata__"
  int64_t halves = 0;                           // how many of them are F16 in the file

  // The tensor of that name. Throws Error, with the file's names, where there is none.
  const Tensor& at(const std::string& name) const;
};

// Writes the file whole or not at all; equal tensors give equal bytes. Names must differ. f32, f64, bf16, i32 and u8.
// Tensors are sorted by the size of their elements, largest first, so that each one's bytes are aligned; tensors of
// equal element size keep their order.
void save_safetensors(const std::filesystem::path& path, const SafetensorsFile& file);

// Reads every tensor onto `device`. Throws Error, with the path and what was expected, for a file that is missing, cut
// short, or inconsistent: a wrong header length, offsets outside the data, overlapping or of the wrong size, bytes that
// belong to no tensor, repeated names. For a file of another kind (a pickle, a Git LFS pointer, a web page) the Error
// says which. F16 is converted to f32, exactly. I64, which PyTorch uses for counters, is converted to i32; a value that
// i32 cannot hold is an Error. NaN and infinity are read like other values.
SafetensorsFile load_safetensors(const std::filesystem::path& path, Device device);
// The same for the bytes of a file that was read already; `path` names it in errors.
SafetensorsFile parse_safetensors(std::string_view contents, const std::filesystem::path& path, Device device);

}  // namespace cofactor
