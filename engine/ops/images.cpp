#include "engine/ops/images.h"

#include <utility>

#include "engine/ops/checks.h"
#include "engine/profile/recorder.h"

namespace cofactor {

Tensor images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale, const Tensor& shift,
                         int64_t height, int64_t width) {
  constexpr std::string_view kOp = "images_from_bytes";
  check_defined(bytes, kOp, "bytes");
  check_indices(windows, kOp, "windows");
  check(bytes.dtype() == DType::u8 && bytes.rank() == 4, "{}: bytes have shape {} in {}, expected (S, H, W, C) in u8",
        kOp, bytes.shape(), bytes.dtype());
  check(windows.rank() == 2 && windows.dim(1) == 4, "{}: windows have shape {}, expected (N, 4)", kOp, windows.shape());
  check_same_device(bytes, "bytes", windows, "windows", kOp);
  for (const auto& [name, tensor] : {std::pair<std::string_view, const Tensor&>{"scale", scale}, {"shift", shift}}) {
    check_defined(tensor, kOp, name);
    check(tensor.shape() == Shape{bytes.dim(3)} && tensor.dtype() == DType::f32,
          "{}: {} has shape {} in {}, bytes of shape {} take ({}) in f32", kOp, name, tensor.shape(), tensor.dtype(),
          bytes.shape(), bytes.dim(3));
    check_same_device(bytes, "bytes", tensor, name, kOp);
  }
  check(height >= 1 && width >= 1, "{}: the window is {} x {} pixels, expected at least 1 x 1", kOp, height, width);
  const Tensor y = Tensor::empty({windows.dim(0), height, width, bytes.dim(3)}, DType::f32, bytes.device());
  bytes.backend().images_from_bytes(bytes, windows, scale, shift, y);
  profile_op(kOp, y);
  return y;
}

}  // namespace cofactor
