// The convolutions of the project's networks, taken from the networks: one training step runs on a backend whose heavy
// kernels compute nothing, and whose convolutions are noted.
#pragma once

#include <vector>

#include "engine/backends/reference/backend.h"

namespace cofactor::testing {

enum class RecordedKind { forward, input_gradient, weight_gradient };

struct RecordedConv {
  RecordedKind kind;
  Shape x, w, y;
  Conv2dParams params;
};

// Device `reference` in the tests of plans (conv_recorder.cpp).
class ConvRecorder : public ReferenceBackend {
 public:
  std::vector<RecordedConv> convs;

  void conv2d(const Tensor& x, const Tensor& w, const Tensor&, const Conv2dParams& params, const Tensor& y) override {
    convs.push_back({RecordedKind::forward, x.shape(), w.shape(), y.shape(), params});
  }
  void conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) override {
    convs.push_back({RecordedKind::input_gradient, dx.shape(), w.shape(), grad.shape(), params});
  }
  void conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                          const Tensor&) override {
    convs.push_back({RecordedKind::weight_gradient, x.shape(), dw.shape(), grad.shape(), params});
  }
  // The cuda backend computes the whole convolution, then the maximum; its gradients need no convolution.
  void conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor&, const Conv2dParams& params, const Tensor&,
                         const Tensor&) override {
    convs.push_back({RecordedKind::forward, x.shape(), w.shape(), conv2d_output(x.shape(), w.shape(), params), params});
  }
  void conv2d_global_max_vjp(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Conv2dParams&,
                             const Tensor&, const Tensor&, const Tensor&) override {}

  void fill(const Tensor& y, double value) override {
    if (y.numel() < kSmall) ReferenceBackend::fill(y, value);
  }
  void unary(UnaryOp, const Tensor&, double, const Tensor&) override {}
  void unary_vjp(UnaryOp, const Tensor&, const Tensor&, const Tensor&, double, const Tensor&) override {}
  void binary(BinaryOp, const Tensor&, const Tensor&, const Tensor&) override {}
  void broadcast(const Tensor&, const Tensor&) override {}
  void reduce(ReduceOp, const Tensor&, const Tensor&) override {}
  void permute(const Tensor&, std::span<const int>, const Tensor&) override {}
  void matmul(const Tensor&, bool, const Tensor&, bool, const Tensor&, const Tensor&) override {}
  void pool2d(const Tensor&, const Pool2dParams&, const Tensor&, const Tensor&) override {}
  void pool2d_vjp(const Tensor&, const Tensor&, const Pool2dParams&, const Tensor&) override {}
  void batch_norm(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                  const BatchNormParams&, const Tensor&, const Tensor&, const Tensor&) override {}
  void batch_norm_vjp(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                      const BatchNormParams&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) override {}

 private:
  static constexpr int64_t kSmall = 4096;  // labels and indices: large tensors are never read
};

ConvRecorder& conv_recorder();

}  // namespace cofactor::testing
