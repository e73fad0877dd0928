// Access to oneDNN 2 or 3: only onednn.cpp depends on the version. Kernels keep their primitives in a PrimitiveCache.
#pragma once

#include <omp.h>

#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>

#include "engine/backend.h"

namespace cofactor::onednn {

const dnnl::engine& cpu_engine();
dnnl::stream& cpu_stream();  // each thread's own

// A tensor's memory in oneDNN's form, from index `first` of its first axis on. `tensor` may be undefined: then no data
// is attached.
dnnl::memory view(const dnnl::memory::desc& desc, const Tensor& tensor, int64_t first = 0);
dnnl::memory view(const dnnl::memory::desc& desc, void* data);

// Descriptions. Extents follow oneDNN's logical order (N, C, H, W and O, I, KH, KW); the bytes stay NHWC and OHWI.
dnnl::memory::data_type type_of(DType dtype);  // f32 or bf16
dnnl::memory::desc image_desc(const Shape& nhwc, DType dtype = DType::f32);
dnnl::memory::desc vector_desc(int64_t size);
dnnl::memory::desc weights_desc(const Shape& ohwi, DType dtype);

// Whether this processor has instructions for bf16 products (AVX512_BF16, AMX). Without them oneDNN has no kernels in
// bf16, or, with AVX-512, emulated ones that take several times as long as f32.
bool multiplies_bf16();

// While it lives, oneDNN computes on the calling thread only. oneDNN's own threads spin inside a kernel until all have
// finished, even one that the system does not schedule; here kernels are divided into parts for the pool
// (thread_pool.h), each of which oneDNN computes on one thread.
class OnOneThread {
 public:
  OnOneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OnOneThread() { omp_set_num_threads(before_); }
  OnOneThread(const OnOneThread&) = delete;
  OnOneThread& operator=(const OnOneThread&) = delete;

 private:
  int before_;
};

// Runs `make` (which calls oneDNN) and turns its exceptions into Errors: "conv2d: oneDNN failed on shape (...): <its
// message>".
template <class Make>
auto guarded(std::string_view op, const Shape& x, Make&& make) {
  const OnOneThread scope;
  try {
    return make();
  } catch (const dnnl::error& error) {
    fail("{}: oneDNN failed on shape {}: {} (status {})", op, x, error.what(), static_cast<int>(error.status));
  }
}

// A primitive. Scratch memory is drawn from the backend's pool for each run; arguments without extents (no bias, no
// workspace) are left out.
class Primitive {
 public:
  Primitive() = default;
  template <class Desc>
  Primitive(dnnl::primitive primitive, const Desc& desc)
      : primitive_(std::move(primitive)), scratchpad_(desc.scratchpad_desc()) {}
  void run(Backend& backend, std::unordered_map<int, dnnl::memory> arguments) const;

 private:
  dnnl::primitive primitive_;
  dnnl::memory::desc scratchpad_;
};

// Converts a tensor from one layout to another; does nothing where they are the same.
class Reorder {
 public:
  Reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to);
  // The data in the target's layout: `source` itself, or a copy of it in a new u8 tensor, which `holder` keeps alive.
  dnnl::memory apply(Backend& backend, const dnnl::memory& source, Tensor& holder) const;
  // Memory to compute into: `target` itself, or a new u8 tensor that `finish` then converts to the target's layout.
  dnnl::memory begin(const dnnl::memory& target, Tensor& holder) const;
  void finish(Backend& backend, const dnnl::memory& computed, const dnnl::memory& target) const;

 private:
  dnnl::memory::desc from_, to_;
  std::optional<Primitive> reorder_;
};

// Attributes that every primitive here has: scratch memory comes from the caller, and results do not vary between runs.
dnnl::primitive_attr attributes();

// A convolution, in each of its three directions. oneDNN chooses the layout of the weights. The bytes of images are
// NHWC; where a blocked layout has the same bytes (one channel in, sixteen out) and a faster kernel, oneDNN is told
// that layout. The bias and the gradients of weights and bias are f32.
struct Convolution {
  Shape x, w, y;
  Conv2dParams params;
  bool bias = false;
  DType dtype = DType::f32;
};
dnnl::convolution_forward::primitive_desc convolution_forward(const Convolution& conv);
dnnl::convolution_backward_data::primitive_desc convolution_backward_data(const Convolution& conv);
dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(const Convolution& conv);
// Average pooling; max pooling is in max_pool.cpp.
dnnl::pooling_forward::primitive_desc pooling_forward(const Shape& x, const Pool2dParams& params, const Shape& y,
                                                      DType dtype);
dnnl::pooling_backward::primitive_desc pooling_backward(const Shape& x, const Pool2dParams& params, const Shape& y,
                                                        DType dtype);
// y (M, N) = op(a) op(b) + bias; the bias is f32. Or `batch` such products at once, whose matrices lie stride_a,
// stride_b and stride_y elements apart; `accumulate` then adds them to y.
struct Product {
  int64_t m, k, n;
  bool transpose_a = false, transpose_b = false, bias = false;
  DType dtype = DType::f32, result = DType::f32;
  int64_t batch = 1, stride_a = 0, stride_b = 0, stride_y = 0;
  bool accumulate = false;
  // Elements from one row of a matrix in memory to the next; 0: the rows lie side by side.
  int64_t row_a = 0, row_b = 0, row_y = 0;
};
dnnl::matmul::primitive_desc matmul(const Product& product);

// What identifies a primitive: shapes and parameters as plain numbers.
class Key {
 public:
  Key& operator<<(int64_t value);
  Key& operator<<(const Shape& shape);
  Key& operator<<(const Conv2dParams& params);
  Key& operator<<(const Pool2dParams& params);
  Key& operator<<(const Convolution& conv);
  Key& operator<<(const Product& product);
  Key& operator<<(DType dtype) { return *this << static_cast<int64_t>(dtype); }
  bool operator==(const Key&) const = default;
  size_t hash() const;

 private:
  std::array<int64_t, 40> values_{};
  size_t count_ = 0;
};
struct KeyHash {
  size_t operator()(const Key& key) const { return key.hash(); }
};

// Throws OutOfMemory where there is no memory for another primitive's code: oneDNN does not check, and would write it
// through a null pointer.
void check_room_for_primitive();

// Primitives by key, made on first use.
template <class Value>
class PrimitiveCache {
 public:
  template <class Make>
  Value& get(const Key& key, Make&& make) {
    auto found = values_.find(key);
    if (found == values_.end()) {
      check_room_for_primitive();
      found = values_.emplace(key, std::make_unique<Value>(make())).first;
    }
    return *found->second;
  }

 private:
  std::unordered_map<Key, std::unique_ptr<Value>, KeyHash> values_;
};

// Matrix products, divided among the pool's threads.
class Products {
 public:
  // `bias` may be undefined.
  void run(Backend& backend, const Product& product, const Tensor& a, const Tensor& b, const Tensor& bias,
           const Tensor& y);

 private:
  struct Cached {
    dnnl::memory::desc a, b, bias, y;
    Primitive matmul;
  };
  const Cached& cached(const Product& product);
  PrimitiveCache<Cached> cache_;
};

}  // namespace cofactor::onednn
