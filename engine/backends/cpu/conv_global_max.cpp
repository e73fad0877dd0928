// A convolution's maximum over all positions: oneDNN's convolution, and a pass that finds each filter's largest value.
// The gradients are sums of few rows, divided among threads so that one thread computes each sum, in a fixed order.
#include <algorithm>
#include <vector>

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/parallel.h"

namespace cofactor {

using cpu::parallel_for;

namespace {

// The elements that a filter's window covers, as contiguous runs.
struct WindowRuns {
  WindowRuns(const Shape& x, const Shape& w, const Conv2dParams& params)
      : height(x[1]),
        width(x[2]),
        channels(x[3]),
        kernel_h(w[1]),
        kernel_w(w[2]),
        out_width(conv2d_output(x, w, params)[2]),
        p(params) {}

  // Calls body(offset in a filter, offset in an image, length) for each run inside the image.
  template <class Body>
  void for_each(int32_t place, const Body& body) const {
    const int64_t top = place / out_width * p.stride_h - p.pad_h, left = place % out_width * p.stride_w - p.pad_w;
    for (int64_t kh = 0; kh < kernel_h; ++kh) {
      const int64_t ih = top + kh * p.dilation_h;
      if (ih < 0 || ih >= height) continue;
      if (p.dilation_w == 1) {  // the row's cells are neighbours
        const int64_t first = std::max<int64_t>(0, -left), last = std::min(kernel_w, width - left);
        if (first < last)
          body((kh * kernel_w + first) * channels, (ih * width + left + first) * channels, (last - first) * channels);
        continue;
      }
      for (int64_t kw = 0; kw < kernel_w; ++kw) {
        const int64_t iw = left + kw * p.dilation_w;
        if (iw >= 0 && iw < width) body((kh * kernel_w + kw) * channels, (ih * width + iw) * channels, channels);
      }
    }
  }

  int64_t height, width, channels, kernel_h, kernel_w, out_width;
  Conv2dParams p;
};

// y[o] = the largest of values[spot, o], the first of equal ones; NaN before any number; where[o] = its spot.
template <class T>
void maxima(const T* values, int64_t spots, int64_t filters, bool relu, float* best, T* y, int32_t* where) {
  for (int64_t o = 0; o < filters; ++o) best[o] = widen(values[o]);
  std::fill_n(where, filters, 0);
  for (int64_t spot = 1; spot < spots; ++spot) {
    const T* row = values + spot * filters;
    for (int64_t o = 0; o < filters; ++o) {
      const float value = widen(row[o]);
      const bool take = (value > best[o]) | ((value != value) & (best[o] == best[o]));
      best[o] = take ? value : best[o];
      where[o] = take ? static_cast<int32_t>(spot) : where[o];
    }
  }
  for (int64_t o = 0; o < filters; ++o) {
    const bool stopped = relu && best[o] <= 0.0f;
    y[o] = convert<T>(stopped ? 0.0f : best[o]);
    where[o] = stopped ? -1 : where[o];
  }
}

// sums[i] += factor * row[i]
template <class T>
void add_scaled(float factor, const T* row, int64_t count, float* sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += factor * widen(row[i]);
}

// dx[n, ...] = the sum of the filters, each times its gradient, at their positions.
template <class T>
void sum_inputs(const Tensor& grad, const Tensor& places, const Tensor& w, const WindowRuns& runs, const Tensor& dx) {
  const int64_t filters = w.dim(0), filter_size = w.numel() / filters, image_size = dx.numel() / dx.dim(0);
  const T *g = grad.data<T>(), *weights = w.data<T>();
  const int32_t* place = places.data<int32_t>();
  T* out = dx.data<T>();
  parallel_for(dx.dim(0), filters * filter_size, [=, &runs](int64_t begin, int64_t end) {
    std::vector<float> sums(static_cast<size_t>(image_size));
    for (int64_t n = begin; n < end; ++n) {
      std::ranges::fill(sums, 0.0f);
      for (int64_t o = 0; o < filters; ++o) {
        if (place[n * filters + o] < 0) continue;
        runs.for_each(place[n * filters + o], [&](int64_t in_filter, int64_t in_image, int64_t count) {
          add_scaled(widen(g[n * filters + o]), weights + o * filter_size + in_filter, count, sums.data() + in_image);
        });
      }
      for (int64_t i = 0; i < image_size; ++i) out[n * image_size + i] = convert<T>(sums[static_cast<size_t>(i)]);
    }
  });
}

// dw[o, ...] = the sum of the images' windows, each times its gradient; db[o] = the sum of the gradients.
template <class T>
void sum_weights(const Tensor& grad, const Tensor& places, const Tensor& x, const WindowRuns& runs, const Tensor& dw,
                 const Tensor& db) {
  const int64_t filters = dw.dim(0), filter_size = dw.numel() / filters, images = x.dim(0);
  const int64_t image_size = x.numel() / images;
  const T *g = grad.data<T>(), *in = x.data<T>();
  const int32_t* place = places.data<int32_t>();
  float* sums = dw.data<float>();
  float* bias = db.defined() ? db.data<float>() : nullptr;
  parallel_for(filters, images * filter_size, [=, &runs](int64_t begin, int64_t end) {
    std::fill(sums + begin * filter_size, sums + end * filter_size, 0.0f);
    if (bias) std::fill(bias + begin, bias + end, 0.0f);
    for (int64_t n = 0; n < images; ++n) {
      for (int64_t o = begin; o < end; ++o) {
        if (place[n * filters + o] < 0) continue;
        const float factor = widen(g[n * filters + o]);
        if (bias) bias[o] += factor;
        runs.for_each(place[n * filters + o], [&](int64_t in_filter, int64_t in_image, int64_t count) {
          add_scaled(factor, in + n * image_size + in_image, count, sums + o * filter_size + in_filter);
        });
      }
    }
  });
}

}  // namespace

void CpuBackend::conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                                   const Tensor& y, const Tensor& places) {
  if (!cpu::serves(x.dtype()) || y.numel() == 0) return ReferenceBackend::conv2d_global_max(x, w, b, params, y, places);
  if (cpu::widens(x.dtype()))
    return cpu::in_f32(
        *this, [&](auto& f32) { conv2d_global_max(f32.input(x), f32.input(w), b, params, f32.output(y), places); });
  const Shape all = conv2d_output(x.shape(), w.shape(), params);
  const Tensor values = Tensor::empty(all, x.dtype(), device());
  Conv2dParams plain = params;
  plain.activation = Activation::none;
  conv2d(x, w, b, plain, values);
  const int64_t spots = all[1] * all[2], filters = all[3];
  const bool relu = params.activation == Activation::relu;
  cpu::dispatch(x.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = y.data<T>();
    int32_t* where = places.data<int32_t>();
    parallel_for(all[0], spots * filters, [=](int64_t begin, int64_t end) {
      std::vector<float> best(static_cast<size_t>(filters));
      for (int64_t n = begin; n < end; ++n)
        maxima(from + n * spots * filters, spots, filters, relu, best.data(), to + n * filters, where + n * filters);
    });
  });
}

void CpuBackend::conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                                       const Conv2dParams& params, const Tensor& dx, const Tensor& dw,
                                       const Tensor& db) {
  if (!cpu::serves(x.dtype()) || grad.numel() == 0 || (db.defined() && !dw.defined()))
    return ReferenceBackend::conv2d_global_max_vjp(grad, places, x, w, params, dx, dw, db);
  const WindowRuns runs(x.shape(), w.shape(), params);
  cpu::dispatch(x.dtype(), [&]<class T>() {
    if (dx.defined()) sum_inputs<T>(grad, places, w, runs, dx);
    if (dw.defined()) sum_weights<T>(grad, places, x, runs, dw, db);
  });
}

}  // namespace cofactor
