#include "layers/file_layout.h"

#include "engine/error.h"

namespace cofactor {

namespace {

// The shape of the weight as (O, H, W, I); of a flattened one, before the flatten.
Shape image_shape(const Shape& shape, const FileLayout& layout) {
  if (layout.kind == FileLayout::Kind::conv_weight) {
    check(shape.rank() == 4, "file layout: the weight of a convolution has shape {}, expected (O, H, W, I)", shape);
    return shape;
  }
  const int64_t pixels = layout.height * layout.width;
  check(shape.rank() == 2 && layout.height > 0 && layout.width > 0 && shape[1] % pixels == 0,
        "file layout: a weight of shape {}, expected one that fits a flattened image of {} x {} pixels", shape,
        layout.height, layout.width);
  return {shape[0], layout.height, layout.width, shape[1] / pixels};
}

Tensor host_copy(const Tensor& tensor) {
  return tensor.clone().to(kHost);
}

// Copies the tensor to the host with each of `count` matrices (rows, columns) transposed; the result has `shape`. A
// general permutation takes several times as long, and large networks are converted at every checkpoint.
Tensor transposed(const Tensor& tensor, int64_t count, int64_t rows, int64_t columns, const Shape& shape) {
  const Tensor host = tensor.detach().to(kHost);
  Tensor result = Tensor::empty(shape, tensor.dtype(), kHost);
  dispatch_any(tensor.dtype(), [&]<class T>() {
    const T* from = host.data<T>();
    T* to = result.data<T>();
    for (int64_t matrix = 0; matrix < count; ++matrix, from += rows * columns)
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t row = 0; row < rows; ++row) *to++ = from[row * columns + column];
  });
  return result;
}

}  // namespace

Shape file_shape(const Shape& shape, const FileLayout& layout) {
  if (layout.kind == FileLayout::Kind::same) return shape;
  const Shape image = image_shape(shape, layout);
  if (layout.kind == FileLayout::Kind::flattened_weight) return shape;
  return {image[0], image[3], image[1], image[2]};
}

Tensor to_file_layout(const Tensor& tensor, const FileLayout& layout) {
  if (layout.kind == FileLayout::Kind::same) return host_copy(tensor);
  const Shape image = image_shape(tensor.shape(), layout);
  return transposed(tensor, image[0], image[1] * image[2], image[3], file_shape(tensor.shape(), layout));
}

Tensor from_file_layout(const Tensor& tensor, const Shape& shape, const FileLayout& layout) {
  const Shape expected = file_shape(shape, layout);
  check(tensor.shape() == expected, "file layout: a tensor of shape {}, expected {}", tensor.shape(), expected);
  if (layout.kind == FileLayout::Kind::same) return host_copy(tensor);
  const Shape image = image_shape(shape, layout);
  return transposed(tensor, image[0], image[3], image[1] * image[2], shape);
}

}  // namespace cofactor
