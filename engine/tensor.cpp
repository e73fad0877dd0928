#include "engine/tensor.h"

#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/profile/recorder.h"
#include "engine/random.h"

namespace cofactor {

// Device memory, given back with the last tensor that uses it: to the backend's pool, or to its owner.
class Storage {
 public:
  Storage(Backend& backend, size_t bytes) : backend_(backend), bytes_(bytes), data_(backend.allocate(bytes)) {}
  Storage(Backend& backend, std::shared_ptr<void> memory, size_t bytes)
      : backend_(backend), bytes_(bytes), data_(memory.get()), owner_(std::move(memory)) {}
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() {
    if (!owner_) backend_.deallocate(data_, bytes_);
  }

  Backend& backend() const { return backend_; }
  void* data() const { return data_; }

 private:
  Backend& backend_;
  size_t bytes_;
  void* data_;
  std::shared_ptr<void> owner_;
};

struct TensorImpl {
  std::shared_ptr<Storage> storage;
  Shape shape;
  DType dtype = DType::f32;
  size_t offset = 0;  // of the first element in the storage, in bytes
  // Autograd: the node of the op that made this tensor or of the leaf, and the leaf's gradient.
  std::shared_ptr<Node> node;
  Tensor grad;
};

TensorImpl& Tensor::impl() const {
  check(defined(), "tensor: an undefined tensor has no shape, type or values");
  return *impl_;
}

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(dtype);
  auto storage = std::make_shared<Storage>(backend_of(device), bytes);
  return Tensor(std::make_shared<TensorImpl>(TensorImpl{std::move(storage), shape, dtype, 0, nullptr, {}}));
}

Tensor Tensor::in_memory(std::shared_ptr<void> memory, int64_t bytes, Device device) {
  auto storage = std::make_shared<Storage>(backend_of(device), std::move(memory), static_cast<size_t>(bytes));
  return Tensor(std::make_shared<TensorImpl>(TensorImpl{std::move(storage), {bytes}, DType::u8, 0, nullptr, {}}));
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor result = empty(shape, dtype, device);
  result.backend().fill(result, value);
  return result;
}

template <ElementType T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape, Device device) {
  check(static_cast<int64_t>(values.size()) == shape.numel(), "tensor: {} values do not fill the shape {}",
        values.size(), shape);
  Tensor result = empty(shape, dtype_of<T>, device);
  result.backend().copy_from_host(result.raw_data(), values.data(), values.size_bytes());
  return result;
}

namespace {

// Value i is draw(key, i). Drawn on the host, so that every device gets the same values.
template <class Draw>
Tensor drawn(std::string_view op, const Shape& shape, const RandomKey& key, DType dtype, Device device, Draw draw) {
  return dispatch_floating(dtype, op, [&]<class T>() {
    std::vector<T> values(static_cast<size_t>(shape.numel()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = convert<T>(draw(key, i));
    return Tensor::from(values, shape, device);
  });
}

}  // namespace

Tensor Tensor::rand(const Shape& shape, const RandomKey& key, DType dtype, Device device) {
  return drawn("rand", shape, key, dtype, device, random_uniform);
}

Tensor Tensor::randn(const Shape& shape, const RandomKey& key, DType dtype, Device device) {
  return drawn("randn", shape, key, dtype, device, random_normal);
}

const Shape& Tensor::shape() const {
  return impl().shape;
}
DType Tensor::dtype() const {
  return impl().dtype;
}
Backend& Tensor::backend() const {
  Backend& backend = impl().storage->backend();
  if (profiling()) [[unlikely]]
    return profile::timed(backend);
  return backend;
}
Device Tensor::device() const {
  return impl().storage->backend().device();
}
void* Tensor::raw_data() const {
  return static_cast<std::byte*>(impl().storage->data()) + impl().offset;
}

void* Tensor::checked_data(DType expected) const {
  check(dtype() == expected, "tensor: data is {}, not {}", dtype(), expected);
  return raw_data();
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  checked_data(dtype_of<T>);
  std::vector<T> values(static_cast<size_t>(numel()));
  backend().copy_to_host(values.data(), raw_data(), nbytes());
  return values;
}

double Tensor::item() const {
  check(numel() == 1, "item: a tensor of shape {} has {} values, expected one", shape(), numel());
  alignas(8) std::byte bytes[8];
  backend().copy_to_host(bytes, raw_data(), nbytes());
  switch (dtype()) {
    case DType::f32: return *reinterpret_cast<const float*>(bytes);
    case DType::f64: return *reinterpret_cast<const double*>(bytes);
    case DType::bf16: return static_cast<float>(*reinterpret_cast<const bf16*>(bytes));
    case DType::i32: return *reinterpret_cast<const int32_t*>(bytes);
    case DType::u8: return *reinterpret_cast<const uint8_t*>(bytes);
  }
  fail("item: unknown dtype");
}

void Tensor::copy_from(const Tensor& source) const {
  check(shape() == source.shape() && dtype() == source.dtype(),
        "copy_from: a tensor of shape {} in {} cannot take the values of one of shape {} in {}", shape(), dtype(),
        source.shape(), source.dtype());
  if (device() == source.device()) {
    backend().copy(raw_data(), source.raw_data(), nbytes());
  } else {
    std::vector<std::byte> staging(nbytes());
    source.backend().copy_to_host(staging.data(), source.raw_data(), nbytes());
    backend().copy_from_host(raw_data(), staging.data(), nbytes());
  }
}

Tensor Tensor::to(Device target) const {
  if (device() == target) return *this;
  Tensor result = empty(shape(), dtype(), target);
  result.copy_from(*this);
  return result;
}

Tensor Tensor::clone() const {
  Tensor result = empty(shape(), dtype(), device());
  result.copy_from(*this);
  return result;
}

Tensor Tensor::detach() const {
  return view(shape());
}

Tensor Tensor::view(const Shape& new_shape) const {
  check(new_shape.numel() == numel(), "view: shape {} has {} elements, {} has {}", shape(), numel(), new_shape,
        new_shape.numel());
  return Tensor(
      std::make_shared<TensorImpl>(TensorImpl{impl().storage, new_shape, impl().dtype, impl().offset, nullptr, {}}));
}

Tensor Tensor::part(size_t first, const Shape& part_shape, DType part_dtype) const {
  const size_t bytes = static_cast<size_t>(part_shape.numel()) * size_of(part_dtype);
  check(first % kAlignment == 0, "part: it begins at byte {}, expected a multiple of {}", first, kAlignment);
  check(first <= nbytes() && bytes <= nbytes() - first,
        "part: {} bytes from byte {} on, of a tensor of shape {} in {} with {} bytes", bytes, first, shape(), dtype(),
        nbytes());
  return Tensor(std::make_shared<TensorImpl>(
      TensorImpl{impl().storage, part_shape, part_dtype, impl().offset + first, nullptr, {}}));
}

bool Tensor::owns_storage() const {
  return defined() && impl_.use_count() == 1 && impl_->storage.use_count() == 1;
}

bool Tensor::requires_grad() const {
  return defined() && impl_->node != nullptr;
}

bool Tensor::is_leaf() const {
  return !requires_grad() || impl_->node->is_leaf;
}

Tensor& Tensor::set_requires_grad(bool value) {
  check(is_floating(dtype()), "set_requires_grad: a tensor in {} has no gradient", dtype());
  check(is_leaf(), "set_requires_grad: this tensor is the output of {}, not a leaf", requires_grad() ? node()->op : "");
  if (value == requires_grad()) return *this;
  impl_->node = nullptr;
  if (value) {
    impl_->node = std::make_shared<Node>();
    impl_->node->is_leaf = true;
    impl_->node->op = "leaf";
    impl_->node->shape = shape();
    impl_->node->dtype = dtype();
    impl_->node->leaf = impl_;
  }
  return *this;
}

const Tensor& Tensor::grad() const {
  return impl().grad;
}
void Tensor::set_grad(Tensor grad) const {
  impl().grad = std::move(grad);
}
const std::shared_ptr<Node>& Tensor::node() const {
  return impl().node;
}
void Tensor::set_node(std::shared_ptr<Node> node) const {
  impl().node = std::move(node);
}

Tensor leaf_of(const Node& node) {
  Tensor leaf;
  leaf.impl_ = node.leaf.lock();
  return leaf;
}

template Tensor Tensor::from(std::span<const float>, const Shape&, Device);
template Tensor Tensor::from(std::span<const double>, const Shape&, Device);
template Tensor Tensor::from(std::span<const bf16>, const Shape&, Device);
template Tensor Tensor::from(std::span<const int32_t>, const Shape&, Device);
template Tensor Tensor::from(std::span<const uint8_t>, const Shape&, Device);
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<bf16> Tensor::to_vector() const;
template std::vector<int32_t> Tensor::to_vector() const;
template std::vector<uint8_t> Tensor::to_vector() const;

}  // namespace cofactor
