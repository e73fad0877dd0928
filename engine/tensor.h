// The value that everything passes around.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/device.h"
#include "engine/dtype.h"
#include "engine/shape.h"

namespace cofactor {

struct Node;
struct TensorImpl;

// A cheap handle to shared storage on one device: contiguous, row-major. Copies of a handle are the same tensor;
// gradient tracking is optional metadata on it (engine/autograd.h).
class Tensor {
 public:
  // An undefined tensor: no storage. Stands for "none" in optional arguments and gradients.
  Tensor() = default;

  // Uninitialised memory from the device's pool.
  static Tensor empty(const Shape& shape, DType dtype, Device device);
  static Tensor full(const Shape& shape, double value, DType dtype, Device device);
  static Tensor zeros(const Shape& shape, DType dtype, Device device) { return full(shape, 0.0, dtype, device); }
  // A copy of host values, row-major. Throws where their number is not that of the shape.
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape, Device device);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Device device) {
    return from(std::span<const T>(values), shape, device);
  }

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const;
  int64_t dim(int axis) const { return shape().dim(axis); }
  int rank() const { return shape().rank(); }
  int64_t numel() const { return shape().numel(); }
  DType dtype() const;
  Device device() const;
  Backend& backend() const;
  size_t nbytes() const { return static_cast<size_t>(numel()) * size_of(dtype()); }

  // Pointer to the first element in device memory. Throws where T is not the element type.
  template <class T>
  T* data() const {
    return static_cast<T*>(checked_data(dtype_of<T>));
  }
  void* raw_data() const;

  // A copy of the values on the host; waits for the device. Throws where T is not the element type.
  template <class T>
  std::vector<T> to_vector() const;
  // The one value of a tensor with one element, of any dtype; waits for the device.
  double item() const;
  // This tensor on `device`: itself where it is there already, else a copy. Not differentiable.
  Tensor to(Device device) const;
  // Copies the values of `source` (same shape and dtype, any device) into this tensor's storage.
  void copy_from(const Tensor& source) const;
  // A new tensor with a copy of the values, no gradient tracking.
  Tensor clone() const;

  // The same storage without gradient tracking.
  Tensor detach() const;
  // The same storage under another shape with as many elements, without gradient tracking.
  Tensor view(const Shape& shape) const;

  // Whether backward reaches this tensor.
  bool requires_grad() const;
  // Makes this tensor a leaf that collects a gradient (floating dtypes only), or stops it from being one.
  Tensor& set_requires_grad(bool value);
  // The gradient that backward left in this leaf; undefined before. Same shape and dtype as the tensor.
  const Tensor& grad() const;
  void set_grad(Tensor grad) const;
  // The tape's node that made this tensor (or that stands for the leaf); null where no gradient is tracked.
  const std::shared_ptr<Node>& node() const;
  void set_node(std::shared_ptr<Node> node) const;

  bool is_same(const Tensor& other) const { return impl_ == other.impl_; }

 private:
  friend Tensor leaf_of(const Node& node);
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}
  void* checked_data(DType dtype) const;
  TensorImpl& impl() const;

  std::shared_ptr<TensorImpl> impl_;
};

// The leaf that a node stands for; undefined where it no longer lives.
Tensor leaf_of(const Node& node);

}  // namespace cofactor
