// Tensors.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "engine/device.h"
#include "engine/dtype.h"
#include "engine/random.h"
#include "engine/shape.h"

namespace cofactor {

struct Node;
struct TensorImpl;

// A handle to storage on one device, contiguous and row-major. Copying the handle does not copy the values. Gradient
// tracking is optional metadata (engine/autograd.h).
class Tensor {
 public:
  static constexpr size_t kAlignment = 64;  // bytes: of every tensor's memory, at least

  // An undefined tensor: no storage. Stands for "none" in optional arguments and gradients.
  Tensor() = default;

  // Uninitialised memory from the device's pool.
  static Tensor empty(const Shape& shape, DType dtype, Device device);
  static Tensor full(const Shape& shape, double value, DType dtype, Device device);
  static Tensor zeros(const Shape& shape, DType dtype, Device device) { return full(shape, 0.0, dtype, device); }
  // Values on the host, copied to the device, row-major: Tensor::from({1.0f, 2.0f}, {2}, device). Throws Error where
  // the number of values is not that of the shape. Element types are float, double, bf16, int32_t (as labels are) and
  // uint8_t.
  template <ElementType T>
  static Tensor from(std::span<const T> values, const Shape& shape, Device device);
  template <ElementType T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Device device) {
    return from(std::span<const T>(values), shape, device);
  }
  template <ElementType T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape, Device device) {
    return from(std::span<const T>(values.begin(), values.size()), shape, device);
  }
  // Random values of a floating dtype, uniform in [0, 1) or of the standard normal distribution. The key decides them
  // (engine/random.h), the same on every device: Tensor::randn({64, 2}, {.seed = 1}, DType::f32, device).
  static Tensor rand(const Shape& shape, const RandomKey& key, DType dtype, Device device);
  static Tensor randn(const Shape& shape, const RandomKey& key, DType dtype, Device device);

  // Bytes (u8) that lie on the device already, in memory that is given back when `memory` goes, with the last tensor
  // that uses it.
  static Tensor in_memory(std::shared_ptr<void> memory, int64_t bytes, Device device);

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const;
  int64_t dim(int axis) const { return shape().dim(axis); }
  int rank() const { return shape().rank(); }
  int64_t numel() const { return shape().numel(); }
  DType dtype() const;
  Device device() const;
  Backend& backend() const;
  size_t nbytes() const { return static_cast<size_t>(numel()) * size_of(dtype()); }

  // Pointer to the first element, in device memory. Throws Error where T is not the element type.
  template <class T>
  T* data() const {
    return static_cast<T*>(checked_data(dtype_of<T>));
  }
  void* raw_data() const;

  // The values, copied to the host; waits for the device. Throws Error where T is not the element type.
  template <class T>
  std::vector<T> to_vector() const;
  // The value of a tensor with one element, of any dtype; waits for the device.
  double item() const;
  // This tensor where it is already on `device`, else a copy on it. Not differentiable.
  Tensor to(Device device) const;
  // Copies the values of `source` (same shape and dtype, any device) into this tensor's storage.
  void copy_from(const Tensor& source) const;
  // A new tensor with a copy of the values, no gradient tracking.
  Tensor clone() const;

  // The same storage without gradient tracking.
  Tensor detach() const;
  // The same storage with another shape of as many elements, without gradient tracking.
  Tensor view(const Shape& shape) const;
  // A part of the same storage, as values of any dtype, without gradient tracking: from byte `first` of this tensor on,
  // a multiple of kAlignment. Throws Error where it reaches beyond this tensor's end.
  Tensor part(size_t first, const Shape& shape, DType dtype) const;

  // Whether backward reaches this tensor.
  bool requires_grad() const;
  // Whether it is not the output of a recorded op, as in PyTorch: every tensor without gradient tracking is one.
  bool is_leaf() const;
  // Makes this tensor a leaf that collects a gradient (floating dtypes only), or stops it from being one.
  Tensor& set_requires_grad(bool value);
  // The gradient that backward left in this leaf; undefined before. Same shape and dtype as the tensor, but bf16 for an
  // f32 weight whose device computes such gradients in bf16 alone (Backend::conv2d_dw_dtype).
  const Tensor& grad() const;
  void set_grad(Tensor grad) const;
  // The tape's node of this tensor: the op that made it, or the leaf; null where no gradient is tracked.
  const std::shared_ptr<Node>& node() const;
  void set_node(std::shared_ptr<Node> node) const;

  // Whether no other tensor, view or handle uses this one's storage.
  bool owns_storage() const;
  bool is_same(const Tensor& other) const { return impl_ == other.impl_; }

 private:
  friend Tensor leaf_of(const Node& node);
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}
  void* checked_data(DType dtype) const;
  TensorImpl& impl() const;

  std::shared_ptr<TensorImpl> impl_;
};

// The tensor of a leaf's node; undefined where it no longer exists.
Tensor leaf_of(const Node& node);

}  // namespace cofactor
