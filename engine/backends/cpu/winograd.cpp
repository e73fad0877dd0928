#include "engine/backends/cpu/winograd.h"

#include <algorithm>
#include <vector>

#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/parallel.h"
#include "engine/backends/cpu/winograd_transforms.h"

namespace cofactor::cpu {

namespace {

using namespace winograd;

// The tiles of a batch of images, counted image by image and row by row.
struct Tiles {
  explicit Tiles(const Shape& outputs)
      : rows((outputs[1] + kOutputs - 1) / kOutputs),
        columns((outputs[2] + kOutputs - 1) / kOutputs),
        count(outputs[0] * rows * columns) {}

  int64_t rows, columns, count;
};

// The images of a tensor (N, H, W, C), read or written a square window at a time.
template <class Element>
struct Images {
  explicit Images(const Tensor& x)
      : data(x.data<std::remove_const_t<Element>>()), height(x.dim(1)), width(x.dim(2)), channels(x.dim(3)) {}

  // The addresses of the Side x Side cells of tile t's window, which begins `pad` cells above and left of its outputs.
  // Cells outside the image are at `outside`.
  template <int Side>
  void window(const Tiles& tiles, int64_t t, int64_t pad_h, int64_t pad_w, Element* outside, Element** cells) const {
    const int64_t column = t % tiles.columns, row = t / tiles.columns % tiles.rows;
    const int64_t image = t / tiles.columns / tiles.rows;
    const int64_t top = row * kOutputs - pad_h, left = column * kOutputs - pad_w;
    for (int64_t h = top; h < top + Side; ++h)
      for (int64_t w = left; w < left + Side; ++w) {
        const bool inside = h >= 0 && h < height && w >= 0 && w < width;
        *cells++ = inside ? data + ((image * height + h) * width + w) * channels : outside;
      }
  }

  Element* data;
  int64_t height, width, channels;
};

// The 36 matrices (tiles or output channels, channels) that the products take and give, as one tensor. They are one
// cache line more than their size apart: otherwise all stores of a transform would map to the same set of the cache.
struct Matrices {
  Matrices(Backend& backend, int64_t rows, int64_t columns_)
      : columns(columns_),
        stride(rows * columns + 16),
        values(Tensor::empty({kProducts * stride}, DType::f32, backend.device())) {}

  // The addresses of a row in each of them.
  void row(int64_t number, float** cells) const {
    float* first = values.data<float>() + number * columns;
    for (int64_t p = 0; p < kProducts; ++p) cells[p] = first + p * stride;
  }

  int64_t columns, stride;
  Tensor values;
};

// Tiles are processed in chunks, whose intermediate values stay in the cache between the steps.
constexpr int64_t kChunkBytes = 4 << 20;
constexpr int64_t kMinTiles = 128;  // with fewer the products are too narrow

// Calls body(first, count) for each chunk of tiles, of equal sizes but for the last.
template <class Body>
void for_each_chunk(const Tiles& tiles, int64_t channels, const Body& body) {
  const int64_t most = std::max(kMinTiles, kChunkBytes / (kProducts * channels * int64_t{sizeof(float)}));
  const int64_t chunks = (tiles.count + most - 1) / most;
  const int64_t size = (tiles.count + chunks - 1) / chunks;
  for (int64_t first = 0; first < tiles.count; first += size) body(first, std::min(size, tiles.count - first));
}

// The approximate cost of a tile's transform per channel, relative to an addition.
constexpr int64_t kTransformCost = 100;

// The matrices of tiles first .. first + count - 1: M (the window) M^T, read beyond the image's edge as 0.
template <const auto& M, class T>
void transform_tiles(const Images<const T>& x, const Tiles& tiles, int64_t first, int64_t count, int64_t pad_h,
                     int64_t pad_w, const Matrices& result) {
  const std::vector<T> zeros(static_cast<size_t>(x.channels));
  parallel_for(count, x.channels * kTransformCost, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* from[M.columns * M.columns];
      float* to[kProducts];
      x.template window<M.columns>(tiles, first + t, pad_h, pad_w, zeros.data(), from);
      result.row(t, to);
      transform<M>(from, to, x.channels);
    }
  });
}

// The outputs of tiles first .. first + count - 1 from their matrices. `bias` may be null.
template <class T>
void transform_back(const Matrices& products, const float* bias, const Tiles& tiles, int64_t first, int64_t count,
                    const Images<T>& y) {
  parallel_for(count, y.channels * kTransformCost, [&](int64_t begin, int64_t end) {
    std::vector<T> beyond_the_edge(static_cast<size_t>(y.channels));
    for (int64_t t = begin; t < end; ++t) {
      float* from[kProducts];
      T* to[kOutputs * kOutputs];
      products.row(t, from);
      y.template window<kOutputs>(tiles, first + t, 0, 0, beyond_the_edge.data(), to);
      transform<kOutput>(from, to, y.channels, bias);
    }
  });
}

// Calls body(cells, rows) for each output channel o: the addresses of w's 3 x 3 cells (in the opposite order where
// `turned`), and of row o of the 36 matrices.
template <class T, class Body>
void for_each_kernel(const Tensor& w, bool turned, const Matrices& matrices, const Body& body) {
  constexpr int64_t cells = kKernel * kKernel;
  const int64_t in = w.dim(3);
  T* data = w.data<T>();
  parallel_for(w.dim(0), in * kTransformCost, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      T* kernel[cells];
      float* rows[kProducts];
      for (int64_t k = 0; k < cells; ++k) kernel[k] = data + (o * cells + (turned ? cells - 1 - k : k)) * in;
      matrices.row(o, rows);
      body(kernel, rows);
    }
  });
}

// The 36 matrices (O, I) of the weights.
Matrices transform_weights(Backend& backend, const Tensor& w, bool turned) {
  Matrices result(backend, w.dim(0), w.dim(3));
  dispatch(w.dtype(), [&]<class T>() {
    for_each_kernel<T>(w, turned, result,
                       [&](T** kernel, float** rows) { transform<kWeights>(kernel, rows, w.dim(3)); });
  });
  return result;
}

// y = the correlation of x with the kernels + b. `to_inputs`: the weights take y's channels to x's, transposed.
template <class T>
void correlate(Backend& backend, onednn::Products& products, const Tensor& x, const Matrices& weights, bool to_inputs,
               const Tensor& b, int64_t pad_h, int64_t pad_w, const Tensor& y) {
  const Tiles tiles(y.shape());
  const int64_t in = x.dim(3), out = y.dim(3);
  const float* bias = b.defined() ? b.data<float>() : nullptr;
  for_each_chunk(tiles, in + out, [&](int64_t first, int64_t count) {
    const Matrices inputs(backend, count, in), outputs(backend, count, out);
    transform_tiles<kInput>(Images<const T>(x), tiles, first, count, pad_h, pad_w, inputs);
    products.run(backend,
                 {.m = count,
                  .k = in,
                  .n = out,
                  .transpose_b = !to_inputs,
                  .batch = kProducts,
                  .stride_a = inputs.stride,
                  .stride_b = weights.stride,
                  .stride_y = outputs.stride},
                 inputs.values, weights.values, {}, outputs.values);
    transform_back(outputs, bias, tiles, first, count, Images<T>(y));
  });
}

}  // namespace

bool winograd_serves(const Shape& w, const Shape& y, const Conv2dParams& params, DType dtype) {
  const Conv2dParams same{.pad_h = params.pad_h, .pad_w = params.pad_w, .activation = params.activation};
  if ((dtype != DType::f32 && !widens(dtype)) || w[1] != kKernel || w[2] != kKernel || !(params == same)) return false;
  if (params.pad_h >= kKernel || params.pad_w >= kKernel || w[0] % 16 != 0 || w[3] % 16 != 0) return false;
  if (w.numel() == 0 || y.numel() == 0) return false;
  // At least 1.5 times fewer multiplications than the sum itself has.
  const int64_t sums = y[0] * y[1] * y[2] * kKernel * kKernel;
  return 2 * sums >= 3 * Tiles(y).count * kProducts;
}

void winograd_conv2d(Backend& backend, onednn::Products& products, const Tensor& x, const Tensor& w, const Tensor& b,
                     const Conv2dParams& params, const Tensor& y) {
  const Matrices weights = transform_weights(backend, w, false);
  dispatch(x.dtype(),
           [&]<class T>() { correlate<T>(backend, products, x, weights, false, b, params.pad_h, params.pad_w, y); });
}

// A correlation with the turned kernels, padded so that each input meets all outputs that have read it.
void winograd_conv2d_vjp_input(Backend& backend, onednn::Products& products, const Tensor& grad, const Tensor& w,
                               const Conv2dParams& params, const Tensor& dx) {
  const Matrices weights = transform_weights(backend, w, true);
  const int64_t pad_h = kKernel - 1 - params.pad_h, pad_w = kKernel - 1 - params.pad_w;
  dispatch(grad.dtype(),
           [&]<class T>() { correlate<T>(backend, products, grad, weights, true, {}, pad_h, pad_w, dx); });
}

// dw = G^T [sum over the tiles of (A grad A^T) * (B^T x B)] G.
void winograd_conv2d_vjp_weights(Backend& backend, onednn::Products& products, const Tensor& x, const Tensor& grad,
                                 const Conv2dParams& params, const Tensor& dw) {
  const Tiles tiles(grad.shape());
  const int64_t in = x.dim(3), out = grad.dim(3);
  const Matrices sums(backend, out, in);
  for_each_chunk(tiles, in + out, [&](int64_t first, int64_t count) {
    const Matrices inputs(backend, count, in), grads(backend, count, out);
    dispatch(x.dtype(), [&]<class T>() {
      transform_tiles<kInput>(Images<const T>(x), tiles, first, count, params.pad_h, params.pad_w, inputs);
      transform_tiles<kOutputVjp>(Images<const T>(grad), tiles, first, count, 0, 0, grads);
    });
    products.run(backend,
                 {.m = out,
                  .k = count,
                  .n = in,
                  .transpose_a = true,
                  .batch = kProducts,
                  .stride_a = grads.stride,
                  .stride_b = inputs.stride,
                  .stride_y = sums.stride,
                  .accumulate = first > 0},
                 grads.values, inputs.values, {}, sums.values);
  });
  for_each_kernel<float>(dw, false, sums,
                         [&](float** kernel, float** rows) { transform<kWeightsVjp>(rows, kernel, in); });
}

}  // namespace cofactor::cpu
