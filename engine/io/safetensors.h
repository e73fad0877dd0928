// The safetensors format: an 8-byte little-endian header length, a JSON header {name: {dtype, shape, data_offsets}},
// and the tensors' bytes, row-major. https://huggingface.co/docs/safetensors
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/named_tensor.h"

namespace cofactor {

struct SafetensorsFile {
  std::vector<NamedTensor> tensors;             // in the order of their bytes
  std::map<std::string, std::string> metadata;  // "__metadata__"
  int64_t halves = 0;                           // how many of them the file holds in F16

  // The tensor of that name. Throws Error, listing the names there are, where there is none.
  const Tensor& at(const std::string& name) const;
};

// Writes the file whole or not at all; equal tensors give equal bytes. Names must differ. f32, f64, bf16, i32 and u8.
// Wide elements come first, so that each tensor's bytes are aligned; tensors of equally wide ones keep their order.
void save_safetensors(const std::filesystem::path& path, const SafetensorsFile& file);

// Reads every tensor onto `device`. Throws Error, with the path and what was expected, for a file that is missing, cut
// short, or inconsistent: a header length that lies, offsets outside the data, overlapping or of the wrong size, bytes
// that belong to no tensor, names that come twice; a file of another kind (a pickle, a Git LFS pointer, a web page) is
// named. F16 is read as f32, exactly. I64, which PyTorch keeps its counters in, is read as i32; a value
// that does not fit is an Error. NaN and infinity are values like others.
SafetensorsFile load_safetensors(const std::filesystem::path& path, Device device);

}  // namespace cofactor
