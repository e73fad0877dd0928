// Batch normalisation of x as a matrix (rows, channels). cuDNN's graph API has no engine for NHWC batch norm with
// residual and ReLU in both f32 and bf16, training and evaluation. T is x's element type, S that of the statistics, N
// the columns of a pack. One launch: the moments of tiles, from them those of the channels, and the normalisation. x is
// read twice. The gradient is in batch_norm_vjp.h.
#pragma once

#include <cmath>

#include "engine/backends/cuda/kernels/tiles.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

// The moments of `count` values: their mean, and the sum of their squared differences from it. A sum of squares from
// which the mean's is taken would lose all digits where the mean is large beside the deviation.
template <class S>
struct Moments {
  S count, mean, squares;

  // Chan, Golub, LeVeque 1979.
  COFACTOR_HD void join(const Moments& other) {
    if (!(other.count > S(0))) return;
    const S all = count + other.count, difference = other.mean - mean;
    const S share = count == other.count ? S(0.5) : other.count / all;  // a division takes longest
    mean += difference * share;
    squares += other.squares + difference * difference * count * share;
    count = all;
  }
};

// The moments of the columns of one lane's packs, without the count, which they share.
template <class S, int N>
struct PackMoments {
  S count = 0, mean[N] = {}, squares[N] = {};

  // n rows at once: two passes over them in registers, and one division for all columns.
  template <class T, int n>
  COFACTOR_HD void add(const Pack<T, N> (&rows)[n]) {
    const S share = S(n) / (count + S(n)), weight = count * share;
    for (int k = 0; k < N; ++k) {
      S sum = 0, sum_squares = 0;
      for (int u = 0; u < n; ++u) sum += static_cast<S>(rows[u][k]);
      const S own_mean = sum * (S(1) / S(n));
      for (int u = 0; u < n; ++u) {
        const S difference = static_cast<S>(rows[u][k]) - own_mean;
        sum_squares += difference * difference;
      }
      const S difference = own_mean - mean[k];
      mean[k] += difference * share;
      squares[k] += sum_squares + difference * difference * weight;
    }
    count += S(n);
  }
};

// What a tile leaves of a channel.
template <class S>
struct alignas(2 * sizeof(S)) ChunkPair {
  S first, second;
};

template <class S>
Tensor chunk_pairs(int64_t channels, int64_t chunks, Device device) {
  return Tensor::empty({channels, chunks, 2}, dtype_of<S>, device);
}

// parts (C, chunks): the mean of each chunk, and the sum of squared differences from that mean.
template <class T, class S, int N>
struct TileMoments {
  using Layout = Tiles<N>;
  using Shared = Tree<Moments<S>, N, Layout::kPacks>;
  const T* x;
  Layout tiles;
  ChunkPair<S>* parts;

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& tree) const {
    group.lanes([&](int lane) {
      const LaneRows rows = tiles.lane_rows(i, lane);
      PackMoments<S, N> moments;
      for_rows<sizeof(S) == 8 ? 2 : 4>(rows, [&]<int n>(int64_t at) {
        Pack<T, N> packs[n];
        load_rows(x, at, rows.step, packs);
        moments.add(packs);
      });
      for (int k = 0; k < N; ++k) tree.values[k][lane] = {moments.count, moments.mean[k], moments.squares[k]};
    });
    tree.join(group);
    group.lanes([&](int lane) {
      const int64_t column = tiles.column(i) + lane;
      if (lane >= Layout::kColumns || column >= tiles.channels) return;
      const Moments<S>& joined = tree.values[lane % N][lane / N];
      parts[column * tiles.chunks + tiles.chunk(i)] = {joined.mean, joined.squares};
    });
  }
};

// The channels' moments from those of the chunks, and the running ones where they are not null.
template <class S, int N>
struct ChannelMoments {
  using Shared = Tree<Moments<S>, 1, kJoinedChannels>;
  const ChunkPair<S>* parts;
  Tiles<N> tiles;
  double momentum;
  S *mean, *variance, *running_mean, *running_variance;

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& tree) const {
    join_chunks(
        group, i, parts, tiles.chunks, tiles.channels, tree, Moments<S>{},
        [&](int chunk, const ChunkPair<S>& pair) {
          return Moments<S>{static_cast<S>(tiles.rows_of(chunk)), pair.first, pair.second};
        },
        [&](int64_t c, const Moments<S>& all) {
          const S biased = all.squares / all.count;
          const S average = all.count > S(0) ? all.mean : biased;  // NaN of no rows
          mean[c] = average;
          variance[c] = biased;
          if (!running_mean) return;
          const S unbiased = biased * (all.count / (all.count - S(1)));
          running_mean[c] = static_cast<S>((1.0 - momentum) * running_mean[c] + momentum * average);
          running_variance[c] = static_cast<S>((1.0 - momentum) * running_variance[c] + momentum * unbiased);
        });
  }
};

// kCount coefficients of each of a tile's columns, in memory that the group shares: computed once, read by each lane.
template <class S, int N, int kCount>
struct Coefficients {
  using Layout = Tiles<N>;
  S values[kCount][N][Layout::kPacks];

  // compute(channel, put) calls put(which, value).
  template <class Group, class Compute>
  COFACTOR_HD void fill(const Group& group, const Layout& tiles, int64_t i, const Compute& compute) {
    group.lanes([&](int lane) {
      const int64_t column = tiles.column(i) + lane;
      if (lane >= Layout::kColumns || column >= tiles.channels) return;
      compute(column, [&](int which, S value) { values[which][lane % N][lane / N] = value; });
    });
    group.sync();
  }
  COFACTOR_HD void read(int lane, int which, S (&to)[N]) const {
    for (int k = 0; k < N; ++k) to[k] = values[which][k][lane % Layout::kPacks];
  }
};

template <class S>
COFACTOR_HD S inverse_deviation(S variance, S epsilon) {
  using std::sqrt;
  return S(1) / sqrt(variance + epsilon);
}

// y = activation((x - mean) / sqrt(variance + epsilon) * scale + shift + residual); keeps NaN.
template <class T, class S, int N>
struct Normalize {
  using Shared = Coefficients<S, N, 3>;
  const T *x, *residual;  // null for no residual
  Tiles<N> tiles;
  const S *mean, *variance, *scale, *shift;
  S epsilon;
  bool relu;
  T* y;

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& shared) const {
    shared.fill(group, tiles, i, [&](int64_t c, const auto& put) {
      put(0, mean[c]);
      put(1, scale[c] * inverse_deviation(variance[c], epsilon));
      put(2, shift[c]);
    });
    group.lanes([&](int lane) {
      S means[N], factors[N], shifts[N];
      shared.read(lane, 0, means);
      shared.read(lane, 1, factors);
      shared.read(lane, 2, shifts);
      const LaneRows rows = tiles.lane_rows(i, lane);
      for_rows<2>(rows, [&]<int n>(int64_t at) {
        Pack<T, N> packs[n], added[n]{};
        load_rows(x, at, rows.step, packs);
        if (residual) load_rows(residual, at, rows.step, added);
        for (int u = 0; u < n; ++u) {
          Compute<T> values[N];
          for (int k = 0; k < N; ++k) {
            S value = (static_cast<S>(packs[u][k]) - means[k]) * factors[k] + shifts[k];
            if (residual) value += static_cast<S>(added[u][k]);
            values[k] = static_cast<Compute<T>>(relu && value < S(0) ? S(0) : value);
          }
          Pack<T, N>::of(values).store(y + at + u * rows.step);
        }
      });
    });
  }
};

template <class T>
T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

template <class Launch>
void batch_norm_moments(const Launch& launch, const Tensor& x, const Tensor& mean, const Tensor& variance) {
  dispatch_floating(x.dtype(), "batch_norm", [&]<class T>() {
    using S = Compute<T>;
    const int64_t channels = x.dim(-1);
    const auto run = [&]<int N>() {
      const Tiles<N> tiles(x.numel() / channels, channels);
      const Tensor memory = chunk_pairs<S>(channels, tiles.chunks, x.device());
      auto* parts = static_cast<ChunkPair<S>*>(memory.raw_data());
      launch.moves(bytes_of(x, memory, memory))
          .stages(Stage{tiles.count(), TileMoments<T, S, N>{x.data<T>(), tiles, parts}},
                  Stage{joining_groups(channels),
                        ChannelMoments<S, N>{parts, tiles, 0.0, mean.data<S>(), variance.data<S>(), nullptr, nullptr}});
    };
    dispatch_pack<kPackSize<T>>(channels, aligned_for_packs(x.data<T>()), run);
  });
}

template <class Launch>
void batch_norm(const Launch& launch, const Tensor& x, const Tensor& scale, const Tensor& shift,
                const Tensor& running_mean, const Tensor& running_variance, const Tensor& residual,
                const BatchNormParams& params, const Tensor& y, const Tensor& saved_mean,
                const Tensor& saved_variance) {
  dispatch_floating(x.dtype(), "batch_norm", [&]<class T>() {
    using S = Compute<T>;  // of the statistics: f32 where x is bf16
    const int64_t channels = x.dim(-1), rows = x.numel() / channels;
    const auto run = [&]<int N>() {
      const Tiles<N> tiles(rows, channels);
      Normalize<T, S, N> normalize{x.data<T>(),
                                   data_or_null<T>(residual),
                                   tiles,
                                   running_mean.data<S>(),
                                   running_variance.data<S>(),
                                   scale.data<S>(),
                                   shift.data<S>(),
                                   static_cast<S>(params.epsilon),
                                   params.activation == Activation::relu,
                                   y.data<T>()};
      if (!params.training) return launch.moves(bytes_of(x, residual, y)).groups(tiles.count(), normalize);
      normalize.mean = saved_mean.data<S>();
      normalize.variance = saved_variance.data<S>();
      const Tensor memory = chunk_pairs<S>(channels, tiles.chunks, x.device());
      auto* parts = static_cast<ChunkPair<S>*>(memory.raw_data());
      launch.moves(bytes_of(x, x, residual, y, memory, memory))
          .stages(
              Stage{tiles.count(), TileMoments<T, S, N>{x.data<T>(), tiles, parts}},
              Stage{joining_groups(channels),
                    ChannelMoments<S, N>{parts, tiles, params.momentum, saved_mean.data<S>(), saved_variance.data<S>(),
                                         running_mean.data<S>(), running_variance.data<S>()}},
              Stage{tiles.count(), normalize});
    };
    dispatch_pack<kPackSize<T>>(channels, aligned_for_packs(x.data<T>(), y.data<T>(), data_or_null<T>(residual)), run);
  });
}

}  // namespace cofactor::cuda
