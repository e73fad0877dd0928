#include "engine/backends/cpu/onednn.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "engine/backends/cpu/parallel.h"

namespace cofactor::onednn {

using dnnl::memory;
using dt = memory::data_type;
using tag = memory::format_tag;

namespace {

// ---- The differences between oneDNN 2 and 3. Version 2 has a descriptor and a primitive descriptor per operation,
// version 3 only the latter. Both take the same arguments in the same order, except for a pooling's dilation.
constexpr bool kHasOperationDescs = DNNL_VERSION_MAJOR < 3;

template <class Operation, class... Arguments>
typename Operation::primitive_desc describe(const dnnl::primitive_attr& attr, const Arguments&... arguments) {
  if constexpr (kHasOperationDescs)
    return {typename Operation::desc(arguments...), attr, cpu_engine()};
  else
    return {cpu_engine(), arguments..., attr};
}

// A backward operation; `forward` is the descriptor of the operation that it belongs to.
template <class Operation, class Forward, class... Arguments>
typename Operation::primitive_desc describe_backward(const Forward& forward, const Arguments&... arguments) {
  if constexpr (kHasOperationDescs)
    return {typename Operation::desc(arguments...), attributes(), cpu_engine(), forward};
  else
    return {cpu_engine(), arguments..., forward, attributes()};
}

// Calls make(extents...) with a pooling's extents as its descriptor takes them.
template <class Geometry, class Make>
auto with_windows(const Geometry& g, Make&& make) {
  if constexpr (kHasOperationDescs)
    return make(g.stride, g.kernel, g.pad_begin, g.pad_end);
  else
    return make(g.stride, g.kernel, memory::dims{0, 0} /* dilation */, g.pad_begin, g.pad_end);
}

// Requests the same bits in every run from oneDNN 3.4 on; earlier versions have no such option.
template <class Attributes>
void ask_for_repeatable_results(Attributes& attr) {
  if constexpr (requires { attr.set_deterministic(true); }) attr.set_deterministic(true);
}

// ---- What is common to both.

memory::dims image_dims(const Shape& nhwc) {
  return {nhwc[0], nhwc[3], nhwc[1], nhwc[2]};
}

memory::desc any_weights(const Shape& ohwi, dt type) {
  return {{ohwi[0], ohwi[3], ohwi[1], ohwi[2]}, type, tag::any};
}

// The layouts to describe a convolution's images with.
struct ImageLayouts {
  memory::desc x, y;
};

// Calls make(layouts) with the blocked layouts where their bytes are those of NHWC, and keeps the result unless it is
// oneDNN's slow reference code (on a processor without AVX-512, say); else with NHWC.
template <class Make>
auto with_best_layouts(const Convolution& conv, Make&& make) {
  if (conv.x[3] == 1 && conv.y[3] == 16) {
    const dt type = type_of(conv.dtype);
    auto desc = make(ImageLayouts{{image_dims(conv.x), type, tag::nchw}, {image_dims(conv.y), type, tag::nChw16c}});
    if (std::string_view(desc.impl_info_str()).find("ref") == std::string_view::npos) return desc;
  }
  return make(ImageLayouts{image_desc(conv.x, conv.dtype), image_desc(conv.y, conv.dtype)});
}

struct ConvGeometry {
  memory::dims stride, dilation, pad_begin, pad_end;
};

// oneDNN counts dilation from 0. The padding at the end follows from the output's extent.
ConvGeometry geometry_of(const Convolution& conv) {
  const auto& [x, w, y, p, bias, dtype] = conv;
  const auto pad_end = [](int64_t in, int64_t out, int64_t kernel, int stride, int dilation, int pad) {
    return (out - 1) * stride + (kernel - 1) * dilation + 1 - in - pad;
  };
  return {{p.stride_h, p.stride_w},
          {p.dilation_h - 1, p.dilation_w - 1},
          {p.pad_h, p.pad_w},
          {pad_end(x[1], y[1], w[1], p.stride_h, p.dilation_h, p.pad_h),
           pad_end(x[2], y[2], w[2], p.stride_w, p.dilation_w, p.pad_w)}};
}

dnnl::convolution_forward::primitive_desc convolution_forward_with(const ImageLayouts& layouts,
                                                                   const Convolution& conv) {
  const ConvGeometry g = geometry_of(conv);
  const memory::desc b = conv.bias ? vector_desc(conv.w[0]) : memory::desc{};
  return describe<dnnl::convolution_forward>(
      attributes(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, layouts.x,
      any_weights(conv.w, type_of(conv.dtype)), b, layouts.y, g.stride, g.dilation, g.pad_begin, g.pad_end);
}

struct PoolGeometry {
  dnnl::algorithm algorithm;
  memory::dims stride, kernel, pad_begin, pad_end;
};

PoolGeometry geometry_of(const Pool2dParams& p, const Shape& x, const Shape& y) {
  const auto pad_end = [](int64_t in, int64_t out, int kernel, int stride, int pad) {
    return (out - 1) * stride + kernel - in - pad;
  };
  return {
      p.count_include_pad ? dnnl::algorithm::pooling_avg_include_padding : dnnl::algorithm::pooling_avg_exclude_padding,
      {p.stride_h, p.stride_w},
      {p.kernel_h, p.kernel_w},
      {p.pad_h, p.pad_w},
      {pad_end(x[1], y[1], p.kernel_h, p.stride_h, p.pad_h), pad_end(x[2], y[2], p.kernel_w, p.stride_w, p.pad_w)}};
}

// The matrices of one operand of a product. `row`: elements from one row in memory to the next, or 0.
memory::desc matrices_desc(const Product& p, int64_t rows, int64_t columns, bool transposed, int64_t row,
                           int64_t stride, DType dtype) {
  if (row == 0) row = transposed ? rows : columns;
  const int64_t to_row = transposed ? 1 : row, to_column = transposed ? row : 1;
  if (p.batch == 1) return {{rows, columns}, type_of(dtype), memory::dims{to_row, to_column}};
  return {{p.batch, rows, columns}, type_of(dtype), memory::dims{stride, to_row, to_column}};
}

// What one part of a product computes: some of its products, or of its one product some rows or columns.
struct ProductPart {
  Product product;
  int64_t a = 0, b = 0, bias = 0, y = 0;  // its first elements
};

// With fewer multiplications than this, waking the threads costs more than it saves.
constexpr int64_t kParallelMultiplications = 1 << 17;

// The number of parts, which depends only on the product's size and the number of threads.
int64_t parts_of(const Product& p) {
  if (p.batch * p.m * p.n * p.k < kParallelMultiplications) return 1;
  return std::min({cpu::num_threads(), p.batch > 1 ? p.batch : std::max(p.m, p.n), cpu::ThreadPool::kMaxParts});
}

// The longer side of y is divided, so that every part reads the smaller factor.
ProductPart part_of(const Product& whole, int64_t part, int64_t parts) {
  const auto begin = [=](int64_t count) { return count * part / parts; };
  const auto size = [=](int64_t count) { return count * (part + 1) / parts - count * part / parts; };
  ProductPart result{whole};
  Product& p = result.product;
  if (whole.batch > 1) {
    p.batch = size(whole.batch);
    result.a = begin(whole.batch) * whole.stride_a;
    result.b = begin(whole.batch) * whole.stride_b;
    result.y = begin(whole.batch) * whole.stride_y;
  } else if (whole.m >= whole.n) {
    p.m = size(whole.m);
    if (whole.transpose_a) p.row_a = whole.m;
    result.a = begin(whole.m) * (whole.transpose_a ? 1 : whole.k);
    result.y = begin(whole.m) * whole.n;
  } else {
    p.n = size(whole.n);
    if (!whole.transpose_b) p.row_b = whole.n;
    p.row_y = whole.n;
    result.b = begin(whole.n) * (whole.transpose_b ? whole.k : 1);
    result.bias = result.y = begin(whole.n);
  }
  return result;
}

memory view_at(const memory::desc& desc, const Tensor& tensor, int64_t element) {
  if (!tensor.defined()) return view(desc, nullptr);
  return view(desc,
              static_cast<std::byte*>(tensor.raw_data()) + element * static_cast<int64_t>(size_of(tensor.dtype())));
}

}  // namespace

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& cpu_stream() {
  thread_local dnnl::stream stream(cpu_engine());
  return stream;
}

bool multiplies_bf16() {
  // Instruction sets are bit masks: a set that contains AVX512_BF16, as AMX does, has its bits.
  const auto native = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  static const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (isa & native) == native;
}

memory view(const memory::desc& desc, const Tensor& tensor, int64_t first) {
  if (!tensor.defined()) return view(desc, nullptr);
  const auto offset = first == 0 ? 0 : static_cast<int64_t>(tensor.nbytes()) / tensor.dim(0) * first;
  return view(desc, static_cast<std::byte*>(tensor.raw_data()) + offset);
}

memory view(const memory::desc& desc, void* data) {
  return {desc, cpu_engine(), data};
}

dt type_of(DType dtype) {
  return dtype == DType::bf16 ? dt::bf16 : dt::f32;
}

memory::desc image_desc(const Shape& nhwc, DType dtype) {
  return {image_dims(nhwc), type_of(dtype), tag::nhwc};
}
memory::desc vector_desc(int64_t size) {
  return {{size}, dt::f32, tag::x};
}
memory::desc weights_desc(const Shape& ohwi, DType dtype) {
  return {{ohwi[0], ohwi[3], ohwi[1], ohwi[2]}, type_of(dtype), tag::ohwi};
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  ask_for_repeatable_results(attr);
  return attr;
}

void Primitive::run(Backend& backend, std::unordered_map<int, memory> arguments) const {
  std::erase_if(arguments, [](const auto& argument) { return argument.second.get_desc().is_zero(); });
  const size_t bytes = scratchpad_.get_size();
  Tensor scratch;
  if (bytes > 0) {
    scratch = Tensor::empty({static_cast<int64_t>(bytes)}, DType::u8, backend.device());
    arguments.emplace(DNNL_ARG_SCRATCHPAD, view(scratchpad_, scratch));
  }
  primitive_.execute(cpu_stream(), arguments);
  cpu_stream().wait();
}

Reorder::Reorder(const memory::desc& from, const memory::desc& to) : from_(from), to_(to) {
  if (from == to) return;
  const dnnl::reorder::primitive_desc desc(cpu_engine(), from, cpu_engine(), to, attributes());
  reorder_.emplace(dnnl::reorder(desc), desc);
}

memory Reorder::apply(Backend& backend, const memory& source, Tensor& holder) const {
  if (!reorder_) return source;
  holder = Tensor::empty({static_cast<int64_t>(to_.get_size())}, DType::u8, backend.device());
  memory target = view(to_, holder);
  reorder_->run(backend, {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}});
  return target;
}

memory Reorder::begin(const memory& target, Tensor& holder) const {
  if (!reorder_) return target;
  holder = Tensor::empty({static_cast<int64_t>(from_.get_size())}, DType::u8, Device::cpu);
  return view(from_, holder);
}

void Reorder::finish(Backend& backend, const memory& computed, const memory& target) const {
  if (reorder_) reorder_->run(backend, {{DNNL_ARG_FROM, computed}, {DNNL_ARG_TO, target}});
}

dnnl::convolution_forward::primitive_desc convolution_forward(const Convolution& conv) {
  return with_best_layouts(conv, [&](const ImageLayouts& layouts) { return convolution_forward_with(layouts, conv); });
}

dnnl::convolution_backward_data::primitive_desc convolution_backward_data(const Convolution& conv) {
  const ConvGeometry g = geometry_of(conv);
  const ImageLayouts layouts{image_desc(conv.x, conv.dtype), image_desc(conv.y, conv.dtype)};
  return describe_backward<dnnl::convolution_backward_data>(
      convolution_forward_with(layouts, conv), dnnl::algorithm::convolution_direct, layouts.x,
      any_weights(conv.w, type_of(conv.dtype)), layouts.y, g.stride, g.dilation, g.pad_begin, g.pad_end);
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(const Convolution& conv) {
  const ConvGeometry g = geometry_of(conv);
  const memory::desc b = conv.bias ? vector_desc(conv.w[0]) : memory::desc{};
  return with_best_layouts(conv, [&](const ImageLayouts& layouts) {
    return describe_backward<dnnl::convolution_backward_weights>(
        convolution_forward_with(layouts, conv), dnnl::algorithm::convolution_direct, layouts.x,
        any_weights(conv.w, dt::f32), b, layouts.y, g.stride, g.dilation, g.pad_begin, g.pad_end);
  });
}

dnnl::pooling_forward::primitive_desc pooling_forward(const Shape& x, const Pool2dParams& params, const Shape& y,
                                                      DType dtype) {
  const PoolGeometry g = geometry_of(params, x, y);
  return with_windows(g, [&](const auto&... windows) {
    return describe<dnnl::pooling_forward>(attributes(), dnnl::prop_kind::forward_training, g.algorithm,
                                           image_desc(x, dtype), image_desc(y, dtype), windows...);
  });
}

dnnl::pooling_backward::primitive_desc pooling_backward(const Shape& x, const Pool2dParams& params, const Shape& y,
                                                        DType dtype) {
  const PoolGeometry g = geometry_of(params, x, y);
  const auto forward = pooling_forward(x, params, y, dtype);
  return with_windows(g, [&](const auto&... windows) {
    return describe_backward<dnnl::pooling_backward>(forward, g.algorithm, image_desc(x, dtype), image_desc(y, dtype),
                                                     windows...);
  });
}

dnnl::matmul::primitive_desc matmul(const Product& p) {
  const memory::desc bias = p.bias ? memory::desc({1, p.n}, dt::f32, tag::ab) : memory::desc{};
  dnnl::primitive_attr attr = attributes();
  if (p.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum();
    attr.set_post_ops(sum);
  }
  return describe<dnnl::matmul>(attr, matrices_desc(p, p.m, p.k, p.transpose_a, p.row_a, p.stride_a, p.dtype),
                                matrices_desc(p, p.k, p.n, p.transpose_b, p.row_b, p.stride_b, p.dtype), bias,
                                matrices_desc(p, p.m, p.n, false, p.row_y, p.stride_y, p.result));
}

Key& Key::operator<<(int64_t value) {
  check(count_ < values_.size(), "oneDNN: a primitive's key holds at most {} numbers", values_.size());
  values_[count_++] = value;
  return *this;
}

Key& Key::operator<<(const Shape& shape) {
  *this << shape.rank();
  for (int64_t extent : shape) *this << extent;
  return *this;
}

Key& Key::operator<<(const Conv2dParams& p) {
  return *this << p.stride_h << p.stride_w << p.pad_h << p.pad_w << p.dilation_h << p.dilation_w
               << static_cast<int64_t>(p.activation);
}

Key& Key::operator<<(const Pool2dParams& p) {
  return *this << static_cast<int64_t>(p.kind) << p.adaptive << p.kernel_h << p.kernel_w << p.stride_h << p.stride_w
               << p.pad_h << p.pad_w << p.count_include_pad << static_cast<int64_t>(p.activation);
}

Key& Key::operator<<(const Convolution& conv) {
  return *this << conv.x << conv.w << conv.y << conv.params << conv.bias << conv.dtype;
}

Key& Key::operator<<(const Product& p) {
  return *this << p.m << p.k << p.n << p.transpose_a << p.transpose_b << p.bias << p.dtype << p.result << p.batch
               << p.stride_a << p.stride_b << p.stride_y << p.accumulate << p.row_a << p.row_b << p.row_y;
}

const Products::Cached& Products::cached(const Product& product) {
  return cache_.get(Key() << product, [&] {
    const auto desc = matmul(product);
    return Cached{desc.src_desc(), desc.weights_desc(), desc.bias_desc(), desc.dst_desc(),
                  Primitive(dnnl::matmul(desc), desc)};
  });
}

void Products::run(Backend& backend, const Product& product, const Tensor& a, const Tensor& b, const Tensor& bias,
                   const Tensor& y) {
  const int64_t parts = parts_of(product);
  std::vector<const Cached*> primitives;  // looked up before the threads begin, which must not change the cache
  for (int64_t part = 0; part < parts; ++part) primitives.push_back(&cached(part_of(product, part, parts).product));
  cpu::ThreadPool::instance().run(parts, [&](int64_t part) {
    const ProductPart p = part_of(product, part, parts);
    const Cached& primitive = *primitives[static_cast<size_t>(part)];
    primitive.matmul.run(backend, {{DNNL_ARG_SRC, view_at(primitive.a, a, p.a)},
                                   {DNNL_ARG_WEIGHTS, view_at(primitive.b, b, p.b)},
                                   {DNNL_ARG_BIAS, view_at(primitive.bias, bias, p.bias)},
                                   {DNNL_ARG_DST, view_at(primitive.y, y, p.y)}});
  });
}

// FNV-1a over the numbers.
size_t Key::hash() const {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count_; ++i) hash = (hash ^ static_cast<uint64_t>(values_[i])) * 0x100000001b3u;
  return hash;
}

}  // namespace cofactor::onednn
