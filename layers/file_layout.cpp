#include "layers/file_layout.h"

#include "engine/autograd.h"
#include "engine/ops/layout.h"

namespace cofactor {

namespace {

// The weight as four axes, (O, H, W, I): a flattened one before the flatten.
Shape image_shape(const Shape& shape, const FileLayout& layout) {
  if (layout.kind == FileLayout::Kind::conv_weight) {
    check(shape.rank() == 4, "file layout: a convolution's weight has shape {}, expected (O, H, W, I)", shape);
    return shape;
  }
  const int64_t pixels = layout.height * layout.width;
  check(shape.rank() == 2 && layout.height > 0 && layout.width > 0 && shape[1] % pixels == 0,
        "file layout: a weight of shape {} does not follow the flatten of an image of {} x {}", shape, layout.height,
        layout.width);
  return {shape[0], layout.height, layout.width, shape[1] / pixels};
}

Tensor host_copy(const Tensor& tensor) {
  return tensor.clone().to(Device::reference);
}

}  // namespace

Shape file_shape(const Shape& shape, const FileLayout& layout) {
  if (layout.kind == FileLayout::Kind::same) return shape;
  const Shape image = image_shape(shape, layout);
  if (layout.kind == FileLayout::Kind::flattened_weight) return shape;
  return {image[0], image[3], image[1], image[2]};
}

Tensor to_file_layout(const Tensor& tensor, const FileLayout& layout) {
  const NoGrad no_grad;
  if (layout.kind == FileLayout::Kind::same) return host_copy(tensor);
  const Tensor host = tensor.detach().to(Device::reference);
  return permute(host.view(image_shape(tensor.shape(), layout)), {0, 3, 1, 2}).view(file_shape(tensor.shape(), layout));
}

Tensor from_file_layout(const Tensor& tensor, const Shape& shape, const FileLayout& layout) {
  const Shape expected = file_shape(shape, layout);
  check(tensor.shape() == expected, "file layout: a tensor of shape {}, expected {}", tensor.shape(), expected);
  const NoGrad no_grad;
  if (layout.kind == FileLayout::Kind::same) return host_copy(tensor);
  const Tensor host = tensor.detach().to(Device::reference);
  const Shape image = image_shape(shape, layout);
  return permute(host.view({image[0], image[3], image[1], image[2]}), {0, 2, 3, 1}).view(shape);
}

}  // namespace cofactor
