// Initial weights: where a network's tensors live, and the random numbers they start from.
#pragma once

#include "engine/random.h"
#include "layers/file_layout.h"

namespace cofactor {

// Passed by reference through the constructors of a network's layers. Each random parameter draws from a stream of its
// own, numbered in the order of construction: RandomKey{seed, Purpose::weights, number}. Draws are made on the host, in
// the order of PyTorch's file layout, so that a seed gives the same weights on every device and for every layout in
// memory.
class Initializer {
 public:
  // `dtype` is that of the parameters: f32, or f64 for gradient checks on the reference backend. Throws Error for
  // another one.
  explicit Initializer(Device device, uint64_t seed = 0, DType dtype = DType::f32);

  Device device() const { return device_; }
  DType dtype() const { return dtype_; }

  // Uniform in [-bound, bound), of `shape` in memory.
  Tensor uniform(const Shape& shape, double bound, const FileLayout& layout = {});
  // Normal with mean 0.
  Tensor normal(const Shape& shape, double deviation, const FileLayout& layout = {});
  // One value; takes no stream.
  Tensor constant(const Shape& shape, double value) const;

  // The bound of PyTorch's convolutions and linear layers, for weight and bias alike: 1 / sqrt(fan_in), fan_in being
  // the inputs of one output. (torch.nn writes it as kaiming_uniform with a = sqrt(5): He et al. 2015, equation 14,
  // bound = sqrt(6 / ((1 + a^2) fan_in)).) Throws Error for a fan_in below 1.
  static double bound(int64_t fan_in);
  // The deviation of torchvision's convolutions, sqrt(2 / fan_out), fan_out being the outputs that one input reaches
  // but for the stride, O KH KW: it keeps the size of gradients through ReLU (torch.nn.init.kaiming_normal_ with
  // mode="fan_out"; He et al. 2015, equation 14). Throws Error for a fan_out below 1.
  static double kaiming_deviation(int64_t fan_out);

 private:
  // Draw i of the next stream is draw(key, i).
  template <class Draw>
  Tensor draw(const Shape& shape, const FileLayout& layout, const Draw& draw);

  Device device_;
  DType dtype_;
  uint64_t seed_;
  uint32_t next_ = 0;
};

}  // namespace cofactor
