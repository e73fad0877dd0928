// Conversion between the layout of tensors in memory, where images are NHWC, and PyTorch's in files, where they are
// NCHW.
#pragma once

#include "engine/tensor.h"

namespace cofactor {

struct FileLayout {
  enum class Kind {
    same,              // no difference
    conv_weight,       // OHWI in memory, OIHW in files
    flattened_weight,  // of a linear layer after a flatten: columns are in H, W, C order in memory, C, H, W in files
  };
  Kind kind = Kind::same;
  int64_t height = 0, width = 0;  // of the image before the flatten, for flattened_weight
};

// The shape in files of a tensor that has `shape` in memory. Throws Error if the layout does not fit the shape.
Shape file_shape(const Shape& shape, const FileLayout& layout);

// Copies a tensor on any device to the host (kHost), in the layout of files. Throws Error as file_shape does.
Tensor to_file_layout(const Tensor& tensor, const FileLayout& layout);

// Copies a tensor on any device, which has the shape file_shape(shape, layout), to the host, in the layout of memory.
// Throws Error as file_shape does, and if the tensor has another shape.
Tensor from_file_layout(const Tensor& tensor, const Shape& shape, const FileLayout& layout);

}  // namespace cofactor
