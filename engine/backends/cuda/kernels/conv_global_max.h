// A convolution's maximum over all positions, and its gradients, for which each image and filter has one position: one
// thread per pack of sums, always in the same order.
#pragma once

#include "engine/backends/cuda/kernels/conv.h"

namespace cofactor::cuda {

// Thread (n, o): y = the largest of values[n, spot, o], the first of equal ones; NaN before any number.
template <class T>
struct GlobalMax {
  const T* values;
  int64_t spots;
  Divider filters;
  bool relu;
  T* y;
  int32_t* places;
  COFACTOR_HD void operator()(int64_t at) const {
    const int64_t step = filters.divisor(), n = filters.quotient(at);
    const T* from = values + n * spots * step + (at - n * step);
    Compute<T> best = widen(from[0]);
    int64_t place = 0;
    for (int64_t spot = 1; spot < spots; ++spot) {
      const Compute<T> value = widen(from[spot * step]);
      if (value > best || (value != value && best == best)) {
        best = value;
        place = spot;
      }
    }
    const bool stopped = relu && best <= Compute<T>(0);
    y[at] = T(stopped ? Compute<T>(0) : best);
    places[at] = stopped ? -1 : static_cast<int32_t>(place);
  }
};

// Windows that won, in memory that a group shares: the row and column of x where each begins, which may be negative,
// and its gradient.
template <class C>
struct Winners {
  static constexpr int kMost = 512;
  static constexpr int32_t kNowhere = INT32_MAX / 2;  // the row of a window that a ReLU stopped
  int32_t row[kMost], column[kMost];
  C grad[kMost];
};

// What the gradients' kernels read.
template <class T>
struct GlobalMaxVjp {
  const T* grad;          // (N, O)
  const int32_t* places;  // (N, O)
  ConvGeometry g;

  // Entries [0, count) of the shared memory from elements first, first + step, .. of grad and places.
  template <class Group>
  COFACTOR_HD void fill(const Group& group, int64_t first, int64_t step, int count,
                        Winners<Compute<T>>& winners) const {
    group.sync();  // the entries before may still be read
    for (int k = group.rank(); k < count; k += group.size()) {
      const int64_t at = first + k * step, place = places[at];
      const int64_t oh = place < 0 ? 0 : g.outputs.width.quotient(place), ow = place - oh * g.out_width;
      winners.row[k] = place < 0 ? Winners<Compute<T>>::kNowhere : static_cast<int32_t>(g.row(oh, 0));
      winners.column[k] = static_cast<int32_t>(g.column(ow, 0));
      winners.grad[k] = widen(grad[at]);
    }
    group.sync();
  }
};

// The share of `parts` groups in `items`: item begin + rank and every group.size() further on, below end.
struct Share {
  int64_t begin, end;
  COFACTOR_HD Share(int64_t items, int64_t part, int64_t parts)
      : begin(items * part / parts), end(items * (part + 1) / parts) {}
};
// Groups that share `items`, so that each of their threads has a few.
inline int64_t parts_for(int64_t items) {
  return std::max<int64_t>(1, items / (4 * kBlockThreads));
}

// Group (n, part): dx = the sum over the filters whose window covers the pixel of grad * w, a pack of channels per
// thread.
template <class T, int N>
struct GlobalMaxInput {
  using Shared = Winners<Compute<T>>;
  GlobalMaxVjp<T> in;
  const T* w;
  Divider parts;
  T* dx;
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& winners) const {
    const ConvGeometry& g = in.g;
    const int64_t n = parts.quotient(i), pixels = g.height * g.width;
    const Share share(pixels * g.in_channels / N, i - n * parts.divisor(), parts.divisor());
    const int reach_h = static_cast<int>(g.kernel_h) * g.dilation_h,
              reach_w = static_cast<int>(g.kernel_w) * g.dilation_w;
    for (int64_t base = share.begin; base < share.end; base += group.size()) {
      const int64_t item = base + group.rank();
      const Place p = g.inputs.of(item < share.end ? item * N : 0);
      Compute<T> sum[N] = {};
      for (int64_t first = 0; first < g.out_channels; first += Shared::kMost) {
        const int count =
            static_cast<int>(g.out_channels - first < Shared::kMost ? g.out_channels - first : Shared::kMost);
        if (base == share.begin || g.out_channels > Shared::kMost)
          in.fill(group, n * g.out_channels + first, 1, count, winners);
        for (int k = 0; k < count; ++k) {
          const int down = static_cast<int>(p.h) - winners.row[k], right = static_cast<int>(p.w) - winners.column[k];
          if (down < 0 || right < 0 || down >= reach_h || right >= reach_w) continue;
          const int kh = down / g.dilation_h, kw = right / g.dilation_w;
          if (down != kh * g.dilation_h || right != kw * g.dilation_w) continue;
          const auto weights = Pack<T, N>::load(w + g.w_at(first + k, kh, kw) + p.c);
          for (int c = 0; c < N; ++c) sum[c] += winners.grad[k] * weights[c];
        }
      }
      if (item < share.end) Pack<T, N>::of(sum).store(dx + n * pixels * g.in_channels + item * N);
    }
  }
};

// Group (o, part): dw = the sum over the images of grad * x where the filter's window lay, a pack of channels per
// thread; db = the sum of grad where it passes. Either may be null: not wanted.
template <class T, int N>
struct GlobalMaxWeights {
  using Shared = Winners<Compute<T>>;
  GlobalMaxVjp<T> in;
  const T* x;
  Divider parts;
  Compute<T>*dw, *db;
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& winners) const {
    const ConvGeometry& g = in.g;
    const int64_t o = parts.quotient(i), part = i - o * parts.divisor();
    const int64_t weights = g.kernel_h * g.kernel_w * g.in_channels;
    const Share share(dw ? weights / N : 1, part, parts.divisor());  // at least one round, for db
    Compute<T> bias = 0;
    for (int64_t base = share.begin; base < share.end; base += group.size()) {
      const int64_t item = base + group.rank();
      const Place p = g.weights.of(item < share.end ? item * N : 0);
      Compute<T> sum[N] = {};
      for (int64_t first = 0; first < g.images; first += Shared::kMost) {
        const int count = static_cast<int>(g.images - first < Shared::kMost ? g.images - first : Shared::kMost);
        if (base == share.begin || g.images > Shared::kMost)
          in.fill(group, first * g.out_channels + o, g.out_channels, count, winners);
        if (dw) add(p, first, count, winners, sum);
        if (db && base == 0 && group.rank() == 0)
          for (int k = 0; k < count; ++k)
            if (winners.row[k] != Shared::kNowhere) bias += winners.grad[k];
      }
      if (dw && item < share.end) Pack<Compute<T>, N>::of(sum).store(dw + o * weights + item * N);
    }
    if (db && part == 0 && group.rank() == 0) db[o] = bias;
  }
  // Adds images first .. first + count - 1 to the sums of one cell of the filter.
  COFACTOR_HD void add(const Place& p, int64_t first, int count, const Shared& winners, Compute<T> (&sum)[N]) const {
    const ConvGeometry& g = in.g;
    const auto down = static_cast<int>(p.h) * g.dilation_h, right = static_cast<int>(p.w) * g.dilation_w;
    for (int k = 0; k < count; ++k) {
      const int ih = winners.row[k] + down, iw = winners.column[k] + right;
      if (!g.inside(ih, iw)) continue;
      const auto values = Pack<T, N>::load(x + g.x_at(first + k, ih, iw) + p.c);
      for (int c = 0; c < N; ++c) sum[c] += winners.grad[k] * values[c];
    }
  }
};

// values (N, OH, OW, O): the convolution's, bias added, without an activation.
template <class Launch>
void global_max(const Launch& launch, const Tensor& values, Activation activation, const Tensor& y,
                const Tensor& places) {
  dispatch_floating(values.dtype(), "conv2d_global_max", [&]<class T>() {
    launch.moves(bytes_of(values, y, places))
        .each(y.numel(), GlobalMax<T>{values.data<T>(), values.dim(1) * values.dim(2), Divider(values.dim(3)),
                                      activation == Activation::relu, y.data<T>(), places.data<int32_t>()});
  });
}

template <class Launch>
void global_max_vjp(const Launch& launch, const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                    const Conv2dParams& params, const Tensor& dx, const Tensor& dw, const Tensor& db) {
  const ConvGeometry g(x.shape(), w.shape(), conv2d_output(x.shape(), w.shape(), params), params);
  check(g.height * g.width < Winners<float>::kNowhere,
        "conv2d_global_max: images of {} x {} cells, expected less than {}", g.height, g.width,
        Winners<float>::kNowhere);
  dispatch_floating(x.dtype(), "conv2d_global_max", [&]<class T>() {
    using C = Compute<T>;
    const GlobalMaxVjp<T> in{grad.data<T>(), places.data<int32_t>(), g};
    if (dx.defined()) {
      const T* weights = w.data<T>();
      T* to = dx.data<T>();
      dispatch_pack<kPackSize<T>>(g.in_channels, aligned_for_packs(weights, to), [&]<int N>() {
        const int64_t parts = parts_for(g.height * g.width * g.in_channels / N);
        launch.moves(bytes_of(grad, places, w, dx))
            .groups(g.images * parts, GlobalMaxInput<T, N>{in, weights, Divider(parts), to});
      });
    }
    if (dw.defined() || db.defined()) {
      const T* from = x.data<T>();
      C* to = dw.defined() ? dw.data<C>() : nullptr;
      C* bias = db.defined() ? db.data<C>() : nullptr;
      const bool fit = aligned_for_packs(from) && aligned_for_packs(to);
      dispatch_pack<kPackSize<T>>(g.in_channels, fit, [&]<int N>() {
        const int64_t parts = to ? parts_for(g.kernel_h * g.kernel_w * g.in_channels / N) : 1;
        launch.moves(bytes_of(grad, places, x, dw, db))
            .groups(g.out_channels * parts, GlobalMaxWeights<T, N>{in, from, Divider(parts), to, bias});
      });
    }
  });
}

}  // namespace cofactor::cuda
