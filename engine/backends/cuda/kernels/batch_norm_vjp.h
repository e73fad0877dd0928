// The gradient of batch_norm.h, in one launch: sums over tiles, from them those of the channels, and dx. With g = grad
// where the activation passed, and n = (x - mean) / sqrt(variance + epsilon):
//   dshift = sum g, dscale = sum g n, dresidual = g
//   dx = scale / sqrt(variance + epsilon) * (g - (dshift + n dscale) / rows), without the sums where the moments were
//   given
#pragma once

#include "engine/backends/cuda/kernels/batch_norm.h"

namespace cofactor::cuda {

// Sums of g, and of g times x - mean or n.
template <class S>
struct GradientSums {
  S g, gn;
  COFACTOR_HD void join(const GradientSums& other) {
    g += other.g;
    gn += other.gn;
  }
};

// The gradient g of a pack's column k. y is null where there was no ReLU.
template <class S, class T, int N>
COFACTOR_HD S passed(const Pack<T, N>& grad, const T* y, const Pack<T, N>& kept, int k) {
  return y && !(kept[k] > Compute<T>(0)) ? S(0) : static_cast<S>(grad[k]);
}

// parts (C, chunks): each chunk's sums of g and of g (x - mean).
template <class T, class S, int N>
struct TileGradients {
  using Layout = Tiles<N>;
  using Shared = Tree<GradientSums<S>, N, Layout::kPacks>;
  const T *grad, *x, *y;  // y is null where there was no ReLU
  Layout tiles;
  const S* mean;
  ChunkPair<S>* parts;

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& tree) const {
    group.lanes([&](int lane) {
      const LaneRows rows = tiles.lane_rows(i, lane);
      S means[N] = {}, sum_g[N] = {}, sum_gn[N] = {};
      for (int k = 0; k < N && rows.count > 0; ++k) means[k] = mean[rows.column + k];
      for_rows<sizeof(T) == 4 ? 2 : 1>(rows, [&]<int n>(int64_t at) {
        Pack<T, N> gradients[n], inputs[n]{}, kept[n]{};
        load_rows(grad, at, rows.step, gradients);
        load_rows(x, at, rows.step, inputs);
        if (y) load_rows(y, at, rows.step, kept);
        for (int u = 0; u < n; ++u)
          for (int k = 0; k < N; ++k) {
            const S g = passed<S>(gradients[u], y, kept[u], k);
            sum_g[k] += g;
            sum_gn[k] += g * (static_cast<S>(inputs[u][k]) - means[k]);
          }
      });
      for (int k = 0; k < N; ++k) tree.values[k][lane] = {sum_g[k], sum_gn[k]};
    });
    tree.join(group);
    group.lanes([&](int lane) {
      const int64_t column = tiles.column(i) + lane;
      if (lane >= Layout::kColumns || column >= tiles.channels) return;
      const GradientSums<S>& joined = tree.values[lane % N][lane / N];
      parts[column * tiles.chunks + tiles.chunk(i)] = {joined.g, joined.gn};
    });
  }
};

template <class S, int N>
struct ChannelGradients {
  using Shared = Tree<GradientSums<S>, 1, kJoinedChannels>;
  const ChunkPair<S>* parts;
  Tiles<N> tiles;
  const S* variance;
  S epsilon;
  S *dscale, *dshift;

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& tree) const {
    join_chunks(
        group, i, parts, tiles.chunks, tiles.channels, tree, GradientSums<S>{},
        [](int, const ChunkPair<S>& pair) {
          return GradientSums<S>{pair.first, pair.second};
        },
        [&](int64_t c, const GradientSums<S>& all) {
          dshift[c] = all.g;
          dscale[c] = tiles.rows > 0 ? all.gn * inverse_deviation(variance[c], epsilon) : S(0);
        });
  }
};

// dx = a g in evaluation; in training a (g - m - (x - mean) b), where a, m and b belong to the channel. dscale and
// dshift are sums over all_rows rows, of which the matrix may have some.
template <class T, class S, int N>
struct NormalizeVjp {
  using Shared = Coefficients<S, N, 4>;
  const T *grad, *x, *y;  // y is null where there was no ReLU
  Tiles<N> tiles;
  const S *mean, *variance, *scale, *dscale, *dshift;
  S epsilon;
  int64_t all_rows;
  bool training;
  T *dx, *dresidual;  // null for no residual

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& shared) const {
    shared.fill(group, tiles, i, [&](int64_t c, const auto& put) {
      const S inverse = inverse_deviation(variance[c], epsilon), rows = static_cast<S>(all_rows);
      put(0, scale[c] * inverse);
      put(1, dshift[c] / rows);
      put(2, dscale[c] / rows * inverse);
      put(3, mean[c]);
    });
    group.lanes([&](int lane) {
      S factors[N], mean_g[N], slopes[N], means[N];
      shared.read(lane, 0, factors);
      shared.read(lane, 1, mean_g);
      shared.read(lane, 2, slopes);
      shared.read(lane, 3, means);
      const LaneRows rows = tiles.lane_rows(i, lane);
      for_rows<sizeof(T) == 4 ? 2 : 1>(rows, [&]<int n>(int64_t at) {
        Pack<T, N> gradients[n], inputs[n]{}, kept[n]{};
        load_rows(grad, at, rows.step, gradients);
        if (training) load_rows(x, at, rows.step, inputs);
        if (y) load_rows(y, at, rows.step, kept);
        for (int u = 0; u < n; ++u) {
          Compute<T> passes[N], values[N];
          for (int k = 0; k < N; ++k) {
            S g = passed<S>(gradients[u], y, kept[u], k);
            passes[k] = static_cast<Compute<T>>(g);
            if (training) g -= mean_g[k] + (static_cast<S>(inputs[u][k]) - means[k]) * slopes[k];
            values[k] = static_cast<Compute<T>>(factors[k] * g);
          }
          if (dresidual) Pack<T, N>::of(passes).store(dresidual + at + u * rows.step);
          Pack<T, N>::of(values).store(dx + at + u * rows.step);
        }
      });
    });
  }
};

template <class Launch>
void batch_norm_vjp(const Launch& launch, const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                    const Tensor& mean, const Tensor& variance, const BatchNormParams& params, const Tensor& dx,
                    const Tensor& dscale, const Tensor& dshift, const Tensor& dresidual) {
  dispatch_floating(x.dtype(), "batch_norm", [&]<class T>() {
    using S = Compute<T>;
    const int64_t channels = x.dim(-1), rows = x.numel() / channels;
    const S epsilon = static_cast<S>(params.epsilon);
    const Tensor kept = params.activation == Activation::relu ? y : Tensor();
    const T* kept_data = data_or_null<T>(kept);
    const auto run = [&]<int N>() {
      const Tiles<N> tiles(rows, channels);
      const Tensor memory = chunk_pairs<S>(channels, tiles.chunks, x.device());
      auto* parts = static_cast<ChunkPair<S>*>(memory.raw_data());
      const Tensor read_again = params.training ? x : Tensor();
      launch.moves(bytes_of(grad, x, kept, memory, memory, grad, read_again, kept, dx, dresidual))
          .stages(Stage{tiles.count(),
                        TileGradients<T, S, N>{grad.data<T>(), x.data<T>(), kept_data, tiles, mean.data<S>(), parts}},
                  Stage{joining_groups(channels), ChannelGradients<S, N>{parts, tiles, variance.data<S>(), epsilon,
                                                                         dscale.data<S>(), dshift.data<S>()}},
                  Stage{tiles.count(), NormalizeVjp<T, S, N>{
                                           grad.data<T>(), x.data<T>(), kept_data, tiles, mean.data<S>(),
                                           variance.data<S>(), scale.data<S>(), dscale.data<S>(), dshift.data<S>(),
                                           epsilon, rows, params.training, dx.data<T>(), data_or_null<T>(dresidual)}});
    };
    const bool fit =
        aligned_for_packs(grad.data<T>(), x.data<T>(), kept_data, dx.data<T>(), data_or_null<T>(dresidual));
    dispatch_pack<kPackSize<T>>(channels, fit, run);
  });
}

// The two halves of batch_norm_vjp, between which the sums of other processes are added.
template <class Launch>
void batch_norm_vjp_sums(const Launch& launch, const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean,
                         const Tensor& variance, const BatchNormParams& params, const Tensor& dscale,
                         const Tensor& dshift) {
  dispatch_floating(x.dtype(), "batch_norm", [&]<class T>() {
    using S = Compute<T>;
    const int64_t channels = x.dim(-1);
    const Tensor kept = params.activation == Activation::relu ? y : Tensor();
    const T* kept_data = data_or_null<T>(kept);
    const auto run = [&]<int N>() {
      const Tiles<N> tiles(x.numel() / channels, channels);
      const Tensor memory = chunk_pairs<S>(channels, tiles.chunks, x.device());
      auto* parts = static_cast<ChunkPair<S>*>(memory.raw_data());
      launch.moves(bytes_of(grad, x, kept, memory, memory))
          .stages(Stage{tiles.count(),
                        TileGradients<T, S, N>{grad.data<T>(), x.data<T>(), kept_data, tiles, mean.data<S>(), parts}},
                  Stage{joining_groups(channels),
                        ChannelGradients<S, N>{parts, tiles, variance.data<S>(), static_cast<S>(params.epsilon),
                                               dscale.data<S>(), dshift.data<S>()}});
    };
    dispatch_pack<kPackSize<T>>(channels, aligned_for_packs(grad.data<T>(), x.data<T>(), kept_data), run);
  });
}

template <class Launch>
void batch_norm_vjp_input(const Launch& launch, const Tensor& grad, const Tensor& x, const Tensor& y,
                          const Tensor& scale, const Tensor& mean, const Tensor& variance, const Tensor& dscale,
                          const Tensor& dshift, int64_t rows, const BatchNormParams& params, const Tensor& dx,
                          const Tensor& dresidual) {
  dispatch_floating(x.dtype(), "batch_norm", [&]<class T>() {
    using S = Compute<T>;
    const int64_t channels = x.dim(-1);
    const Tensor kept = params.activation == Activation::relu ? y : Tensor();
    const T* kept_data = data_or_null<T>(kept);
    const auto run = [&]<int N>() {
      const Tiles<N> tiles(x.numel() / channels, channels);
      launch.moves(bytes_of(grad, x, kept, dx, dresidual))
          .groups(tiles.count(), NormalizeVjp<T, S, N>{grad.data<T>(), x.data<T>(), kept_data, tiles, mean.data<S>(),
                                                       variance.data<S>(), scale.data<S>(), dscale.data<S>(),
                                                       dshift.data<S>(), static_cast<S>(params.epsilon), rows, true,
                                                       dx.data<T>(), data_or_null<T>(dresidual)});
    };
    const bool fit =
        aligned_for_packs(grad.data<T>(), x.data<T>(), kept_data, dx.data<T>(), data_or_null<T>(dresidual));
    dispatch_pack<kPackSize<T>>(channels, fit, run);
  });
}

}  // namespace cofactor::cuda
