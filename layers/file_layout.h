// How a tensor's layout in memory relates to PyTorch's, for files: images are NHWC here and NCHW there.
#pragma once

#include "engine/tensor.h"

namespace cofactor {

struct FileLayout {
  enum class Kind {
    same,              // no difference
    conv_weight,       // OHWI here, OIHW in files
    flattened_weight,  // a linear layer after a flatten: columns in H, W, C order here, C, H, W in files
  };
  Kind kind = Kind::same;
  int64_t height = 0, width = 0;  // flattened_weight: the extents before the flatten
};

// The shape in files of a tensor with `shape` in memory. Throws Error where the layout does not fit the shape.
Shape file_shape(const Shape& shape, const FileLayout& layout);

// A copy, on the host (kHost), of a tensor on any device in the layout of files.
Tensor to_file_layout(const Tensor& tensor, const FileLayout& layout);

// A copy, on the host, of a tensor of shape file_shape(shape, layout), on any device, in the layout of memory.
Tensor from_file_layout(const Tensor& tensor, const Shape& shape, const FileLayout& layout);

}  // namespace cofactor
