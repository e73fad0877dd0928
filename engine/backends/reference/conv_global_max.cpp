// A convolution's maximum over all positions, the last step of word convolutions. With p = places[n, o] = (oh, ow), the
// position in image n where filter o has its maximum, and ih = oh * stride - pad + kh * dilation (iw likewise):
//
//   y [n, o]             = max over (oh, ow) of conv(x, w)[n, oh, ow, o] + b[o]
//   dx[n, ih, iw, i]    += g[n, o] * w[o, kh, kw, i]
//   dw[o, kh, kw, i]    += g[n, o] * x[n, ih, iw, i]
//   db[o]               += g[n, o]
#include <cmath>
#include <vector>

#include "engine/backends/reference/backend.h"

namespace cofactor {

namespace {

// Calls body(o's filter tap, x's pixel) for each tap of filter o's window at place p that lies inside the image.
template <class Body>
void for_each_tap_at(int64_t place, int64_t n, const Shape& x, const Shape& w, int64_t out_width, const Conv2dParams& p,
                     Body&& body) {
  const int64_t oh = place / out_width, ow = place % out_width;
  for (int64_t kh = 0; kh < w[1]; ++kh) {
    for (int64_t kw = 0; kw < w[2]; ++kw) {
      const int64_t ih = oh * p.stride_h - p.pad_h + kh * p.dilation_h;
      const int64_t iw = ow * p.stride_w - p.pad_w + kw * p.dilation_w;
      if (ih < 0 || ih >= x[1] || iw < 0 || iw >= x[2]) continue;
      body(kh * w[2] + kw, (n * x[1] + ih) * x[2] + iw);
    }
  }
}

template <class T>
void store_wide(const std::vector<double>& sums, const Tensor& to) {
  for (size_t i = 0; i < sums.size(); ++i) to.data<T>()[i] = convert<T>(sums[i]);
}

}  // namespace

void ReferenceBackend::conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                                         const Tensor& y, const Tensor& places) {
  const Shape all = conv2d_output(x.shape(), w.shape(), params);
  const Tensor values = Tensor::empty(all, x.dtype(), x.device());
  Conv2dParams plain = params;
  plain.activation = Activation::none;
  conv2d(x, w, b, plain, values);
  const int64_t spots = all[1] * all[2], filters = all[3];
  dispatch_floating(x.dtype(), "conv2d_global_max", [&]<class T>() {
    for (int64_t n = 0; n < all[0]; ++n) {
      for (int64_t o = 0; o < filters; ++o) {
        const T* from = values.data<T>() + n * spots * filters + o;
        int64_t best = 0;
        for (int64_t spot = 1; spot < spots; ++spot) {
          const auto value = widen(from[spot * filters]), largest = widen(from[best * filters]);
          if (value > largest || (std::isnan(value) && !std::isnan(largest))) best = spot;
        }
        const T maximum = from[best * filters];
        const bool stopped = params.activation == Activation::relu && widen(maximum) <= 0;
        y.data<T>()[n * filters + o] = stopped ? T{} : maximum;
        places.data<int32_t>()[n * filters + o] = stopped ? -1 : static_cast<int32_t>(best);
      }
    }
  });
}

void ReferenceBackend::conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                                             const Conv2dParams& params, const Tensor& dx, const Tensor& dw,
                                             const Tensor& db) {
  const int64_t filters = w.dim(0), channels = w.dim(3), taps = w.dim(1) * w.dim(2);
  const int64_t out_width = conv2d_output(x.shape(), w.shape(), params)[2];
  dispatch_floating(x.dtype(), "conv2d_global_max", [&]<class T>() {
    std::vector<double> dx_sums(static_cast<size_t>(x.numel())), dw_sums(static_cast<size_t>(w.numel())),
        db_sums(static_cast<size_t>(filters));
    for (int64_t n = 0; n < x.dim(0); ++n) {
      for (int64_t o = 0; o < filters; ++o) {
        const int32_t place = places.data<int32_t>()[n * filters + o];
        if (place < 0) continue;
        const double g = widen(grad.data<T>()[n * filters + o]);
        db_sums[static_cast<size_t>(o)] += g;
        for_each_tap_at(place, n, x.shape(), w.shape(), out_width, params, [&](int64_t tap, int64_t pixel) {
          for (int64_t i = 0; i < channels; ++i) {
            const int64_t at_w = (o * taps + tap) * channels + i, at_x = pixel * channels + i;
            dx_sums[static_cast<size_t>(at_x)] += g * widen(w.data<T>()[at_w]);
            dw_sums[static_cast<size_t>(at_w)] += g * widen(x.data<T>()[at_x]);
          }
        });
      }
    }
    if (dx.defined()) store_wide<T>(dx_sums, dx);
    if (dw.defined()) store_wide<Compute<T>>(dw_sums, dw);
    if (db.defined()) store_wide<Compute<T>>(db_sums, db);
  });
}

}  // namespace cofactor
