// The initial values of parameters, and the device and dtype of a network's tensors.
#pragma once

#include "engine/random.h"
#include "layers/file_layout.h"

namespace cofactor {

// Passed by reference to the constructors of a network's layers. Each random parameter has a random stream of its own,
// numbered in the order of construction: RandomKey{seed, Purpose::weights, number}. Numbers are drawn on the host, in
// the order of PyTorch's file layout, so that a seed gives the same weights on every device and for every layout in
// memory.
class Initializer {
 public:
  // `dtype` is that of the parameters: f32, or f64 for gradient checks on the reference backend. Throws Error for any
  // other.
  explicit Initializer(Device device, uint64_t seed = 0, DType dtype = DType::f32);

  Device device() const { return device_; }
  DType dtype() const { return dtype_; }

  // A tensor of `shape` (in memory) with values uniform in [-bound, bound).
  Tensor uniform(const Shape& shape, double bound, const FileLayout& layout = {});
  // Likewise, normal with mean 0.
  Tensor normal(const Shape& shape, double deviation, const FileLayout& layout = {});
  // Likewise, constant; no random stream is used up.
  Tensor constant(const Shape& shape, double value) const;

  // The bound of PyTorch's convolutions and linear layers, for weights and biases: 1 / sqrt(fan_in), where fan_in is
  // the number of inputs of one output. (torch.nn expresses it as kaiming_uniform with a = sqrt(5): He et al. 2015,
  // Delving deep into rectifiers, equation 15, bound = sqrt(6 / ((1 + a^2) fan_in)).) Throws Error if fan_in is
  // below 1.
  static double bound(int64_t fan_in);
  // The standard deviation of torchvision's convolutions: sqrt(2 / fan_out), where fan_out = O KH KW is the number of
  // outputs that depend on one input (for stride 1). It preserves the variance of gradients through ReLU
  // (torch.nn.init.kaiming_normal_ with mode="fan_out"; He et al. 2015, equation 14). Throws Error if fan_out is
  // below 1.
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
