// Sums, means and maxima over axes; argmax. In two stages where one would leave the device idle, always in the same
// order, so that a result is bitwise the same in every run.
#pragma once

#include <limits>

#include "engine/backends/cuda/kernels/rows.h"
#include "engine/backends/cuda/kernels/strides.h"
#include "engine/backends/cuda/kernels/tiles.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

// The operation of a reduction: where it starts, and how two values join. A maximum keeps NaN.
template <ReduceOp op, class C>
struct Joining {
  static COFACTOR_HD C start() { return op == ReduceOp::max ? -std::numeric_limits<C>::infinity() : C(0); }
  static COFACTOR_HD C join(C a, C b) {
    if constexpr (op == ReduceOp::max) return a > b || a != a ? a : b;
    return a + b;
  }
  template <class Group>
  static COFACTOR_HD C over(const Group& group, C value) {
    if constexpr (op == ReduceOp::max) return group.maximum(value);
    return group.sum(value);
  }
};

// A value that joins others, for a Tree.
template <ReduceOp op, class C>
struct Joined {
  C value;
  COFACTOR_HD void join(const Joined& other) { value = Joining<op, C>::join(value, other.value); }
};

// x viewed as (outer, length, inner), y as (outer, inner), where there are many elements of y: one thread reduces N
// adjacent ones.
template <ReduceOp op, class In, class Out>
struct ReduceColumns {
  const In* x;
  int64_t length;
  Divider inner;
  Compute<Out> scale;  // of the result: 1 / length for a mean
  Out* y;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    using J = Joining<op, Compute<Out>>;
    const int64_t outer = inner.quotient(at), step = inner.divisor();
    const In* from = x + outer * (length - 1) * step + at;  // at = outer * inner + column
    Compute<Out> values[N];
    for (int k = 0; k < N; ++k) values[k] = J::start();
    for (int64_t row = 0; row < length; ++row, from += step) {
      const auto in = Pack<In, N>::load(from);
      for (int k = 0; k < N; ++k) values[k] = J::join(values[k], static_cast<Compute<Out>>(in[k]));
    }
    for (int k = 0; k < N; ++k) values[k] *= scale;
    Pack<Out, N>::of(values).store(y + at);
  }
};

// The same where there are few: one group reduces one tile of one of the outer matrices (length, inner). Of several
// chunks to parts (outer * inner, chunks); of one to y.
template <ReduceOp op, class In, class Out, int N>
struct ReduceTiles {
  using C = Compute<Out>;
  using Layout = Tiles<N>;
  using Shared = Tree<Joined<op, C>, N, Layout::kPacks>;
  const In* x;
  Layout tiles;
  Divider per_matrix;  // tiles
  C scale;
  C* parts;  // null: there is one chunk
  Out* y;

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& tree) const {
    const int64_t matrix = per_matrix.quotient(i), tile = i - matrix * per_matrix.divisor();
    group.lanes([&](int lane) {
      const LaneRows rows = tiles.lane_rows(tile, lane);
      const In* from = x + matrix * tiles.rows * tiles.channels;
      C values[N];
      for (int k = 0; k < N; ++k) values[k] = Joining<op, C>::start();
      for_rows<4>(rows, [&]<int n>(int64_t at) {
        Pack<In, N> packs[n];
        load_rows(from, at, rows.step, packs);
        for (int u = 0; u < n; ++u)
          for (int k = 0; k < N; ++k) values[k] = Joining<op, C>::join(values[k], static_cast<C>(packs[u][k]));
      });
      for (int k = 0; k < N; ++k) tree.values[k][lane] = {values[k]};
    });
    tree.join(group);
    group.lanes([&](int lane) {
      const int64_t column = tiles.column(tile) + lane;
      if (lane >= Layout::kColumns || column >= tiles.channels) return;
      const C value = tree.values[lane % N][lane / N].value;
      const int64_t at = matrix * tiles.channels + column;
      if (parts) {
        parts[at * tiles.chunks + tiles.chunk(tile)] = value;
      } else {
        y[at] = Out(value * scale);
      }
    });
  }
};

// parts (count, chunks) to y (count).
template <ReduceOp op, class Out>
struct ReduceParts {
  using C = Compute<Out>;
  using Shared = Tree<Joined<op, C>, 1, kJoinedChannels>;
  const C* parts;
  int chunks;
  int64_t count;
  C scale;
  Out* y;

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i, Shared& tree) const {
    join_chunks(
        group, i, parts, chunks, count, tree, Joined<op, C>{Joining<op, C>::start()},
        [](int, const C& part) { return Joined<op, C>{part}; },
        [&](int64_t at, const Joined<op, C>& all) { y[at] = Out(all.value * scale); });
  }
};

// x viewed as (rows, pieces, length), of which the last piece of a row may be shorter: a group, or a warp, reduces one
// piece to one element of y.
template <ReduceOp op, class In, class Out, int N>
struct ReduceRows {
  using C = Compute<Out>;
  const In* x;
  int64_t row_length, length;
  Divider pieces;
  C scale;
  Out* y;
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i) const {
    using J = Joining<op, C>;
    const int64_t row = pieces.quotient(i), first = (i - row * pieces.divisor()) * length;
    const int64_t left = row_length - first, own = left < length ? left : length;
    const In* from = x + row * row_length + first;
    C value = J::start();
    for_packs_of_row<N>(group, own, [&](int64_t k) {
      const auto in = Pack<In, N>::load(from + k);
      for (int u = 0; u < N; ++u) value = J::join(value, static_cast<C>(in[u]));
    });
    value = J::over(group, value);
    if (group.rank() == 0) y[i] = Out(value * scale);
  }
};

// Any set of axes: one thread reads all elements that one element of y is made of.
template <ReduceOp op, class T>
struct ReduceAny {
  const T* x;
  View kept, reduced;  // where x is read for an element of y, and for one of its summands
  int64_t length;
  Compute<T> scale;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const {
    using J = Joining<op, Compute<T>>;
    const T* from = x + kept.offset(i);
    Compute<T> value = J::start();
    for (int64_t k = 0; k < length; ++k) value = J::join(value, widen(from[reduced.offset(k)]));
    y[i] = T(value * scale);
  }
};

// A reduction with its reduced axes as one middle axis. Not every set of axes has this form.
struct MiddleAxis {
  bool found = false;
  int64_t outer = 1, length = 1, inner = 1;
};

inline MiddleAxis middle_axis(const Shape& x, const Shape& y) {
  MiddleAxis view;
  int stage = 0;  // 0 before the reduced axes, 1 in them, 2 after
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x[axis] == 1) continue;
    const bool reduced = y[axis] == 1;
    if (reduced && stage == 2) return view;
    stage = reduced ? 1 : stage == 0 ? 0 : 2;
    (reduced ? view.length : stage == 0 ? view.outer : view.inner) *= x[axis];
  }
  view.found = true;
  return view;
}

// Fewer threads than this leave much of a GPU idle.
inline constexpr int64_t kManyThreads = 1 << 16;
// A thread reduces about so many elements by itself, one after the other.
inline constexpr int64_t kShortColumn = 32;

// y in T, or in what T is computed in.
template <ReduceOp op, class T, class Y = T, class Launch>
void reduce_middle(const Launch& launch, const Tensor& x, const MiddleAxis& view, Compute<T> scale, const Tensor& y) {
  using C = Compute<T>;
  constexpr int kSize = kPackSize<T>;
  const T* from = x.data<T>();
  Y* to = y.data<Y>();
  const bool fit = aligned_for_packs(from, to);
  if (view.length <= kShortColumn || y.numel() / kSize >= kManyThreads) {
    return each_pack_in_rows<kSize>(launch.moves(bytes_of(x, y)), y.numel(), view.inner, fit,
                                    ReduceColumns<op, T, Y>{from, view.length, Divider(view.inner), scale, to});
  }
  dispatch_pack<kSize>(view.inner, fit, [&]<int N>() {
    const Tiles<N> tiles(view.length, view.inner, view.outer);
    const int64_t count = view.outer * tiles.count();
    const bool split = tiles.chunks > 1;
    const Tensor parts = split ? Tensor::empty(Shape{y.numel(), tiles.chunks}, dtype_of<C>, x.device()) : Tensor();
    C* const partial = split ? parts.data<C>() : nullptr;
    const ReduceTiles<op, T, Y, N> reduce_tiles{from, tiles, Divider(tiles.count()), scale, partial, to};
    const auto counted = launch.moves(bytes_of(x, parts, parts, y));
    if (!split) return counted.groups(count, reduce_tiles);
    counted.stages(Stage{count, reduce_tiles},
                   Stage{joining_groups(y.numel()), ReduceParts<op, Y>{partial, tiles.chunks, y.numel(), scale, to}});
  });
}

// Pieces of each row where a few long rows would leave the device idle, else 1: of a multiple of the elements that a
// group reads at once.
inline int64_t pieces_of_rows(int64_t rows, int64_t length, int64_t at_once) {
  constexpr int64_t kWanted = 132 * kStageBlocks;  // groups that an H100 works on at once
  const int64_t wanted = std::max<int64_t>(1, kWanted / std::max<int64_t>(1, rows));
  return std::clamp<int64_t>(length / (4 * at_once), 1, wanted);
}

template <ReduceOp op, class T, class Launch>
void reduce_rows(const Launch& launch, const Tensor& x, const MiddleAxis& view, Compute<T> scale, const Tensor& y) {
  using C = Compute<T>;
  const T* from = x.data<T>();
  const int64_t rows = view.outer, length = view.length;
  const auto whole = [&]<int N>() {
    return ReduceRows<op, T, T, N>{from, length, length, Divider(1), scale, y.data<T>()};
  };
  if (length <= kWarpRow) return launch.moves(bytes_of(x, y)).warps(rows, whole.template operator()<1>());
  dispatch_pack<kPackSize<T>>(length, aligned_for_packs(from), [&]<int N>() {
    constexpr int64_t kAtOnce = int64_t{kBlockThreads} * N;
    const int64_t wanted = pieces_of_rows(rows, length, kAtOnce);
    if (wanted == 1) return launch.moves(bytes_of(x, y)).groups(rows, whole.template operator()<N>());
    const int64_t piece = (length + wanted * kAtOnce - 1) / (wanted * kAtOnce) * kAtOnce;
    const int64_t pieces = (length + piece - 1) / piece;
    const Tensor parts = Tensor::empty(Shape{rows, pieces}, dtype_of<C>, x.device());
    launch.moves(bytes_of(x, parts, parts, y))
        .stages(
            Stage{rows * pieces, ReduceRows<op, T, C, N>{from, length, piece, Divider(pieces), C(1), parts.data<C>()}},
            Stage{rows, ReduceRows<op, C, T, 1>{parts.data<C>(), pieces, pieces, Divider(1), scale, y.data<T>()}});
  });
}

template <ReduceOp op, class T, class Launch>
void reduce_any(const Launch& launch, const Tensor& x, Compute<T> scale, const Tensor& y) {
  const auto strides = strides_of(x.shape());
  Shape reduced;
  int64_t kept_strides[Shape::kMaxRank] = {}, reduced_strides[Shape::kMaxRank] = {};
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool is_reduced = y.dim(axis) == 1;
    kept_strides[axis] = is_reduced ? 0 : strides[static_cast<size_t>(axis)];
    if (!is_reduced) continue;
    reduced_strides[reduced.rank()] = strides[static_cast<size_t>(axis)];
    reduced.push_back(x.dim(axis));
  }
  launch.moves(bytes_of(x, y))
      .each(y.numel(), ReduceAny<op, T>{x.data<T>(), view_of(y.shape(), {kept_strides, size_t(y.rank())}),
                                        view_of(reduced, {reduced_strides, size_t(reduced.rank())}), reduced.numel(),
                                        scale, y.data<T>()});
}

template <class Launch>
void reduce(const Launch& launch, ReduceOp op, const Tensor& x, const Tensor& y) {
  if (y.numel() == 0) return;
  const MiddleAxis view = middle_axis(x.shape(), y.shape());
  dispatch_floating(x.dtype(), "reduce", [&]<class T>() {
    using C = Compute<T>;
    const C scale = op == ReduceOp::mean ? C(1) / static_cast<C>(x.numel() / y.numel()) : C(1);
    const auto run = [&]<ReduceOp kOp>() {
      if (!view.found) return reduce_any<kOp, T>(launch, x, scale, y);
      if (view.inner == 1) return reduce_rows<kOp, T>(launch, x, view, scale, y);
      return reduce_middle<kOp, T>(launch, x, view, scale, y);
    };
    if (op == ReduceOp::max) return run.template operator()<ReduceOp::max>();
    return run.template operator()<ReduceOp::sum>();
  });
}

// The first of the largest in each row of x (N, C); a NaN counts as the largest, as in PyTorch. A warp per row.
template <class T>
struct Argmax {
  const T* x;
  int classes;
  int32_t* y;
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t n) const {
    using C = Compute<T>;
    const T* row = x + n * classes;
    C best = -std::numeric_limits<C>::infinity();
    int place = classes;  // none yet
    for (int c = group.rank(); c < classes; c += group.size()) {
      const C value = widen(row[c]);
      if (place == classes || value > best || (value != value && best == best)) {
        best = value;
        place = c;
      }
    }
    const C largest = group.maximum(best);
    const bool is_largest = place < classes && (best == largest || (best != best && largest != largest));
    const int first = -group.maximum(is_largest ? -place : -classes);
    if (group.rank() == 0) y[n] = first;
  }
};

template <class Launch>
void argmax(const Launch& launch, const Tensor& x, const Tensor& y) {
  dispatch_floating(x.dtype(), "argmax", [&]<class T>() {
    launch.moves(bytes_of(x, y)).warps(x.dim(0), Argmax<T>{x.data<T>(), static_cast<int>(x.dim(1)), y.data<int32_t>()});
  });
}

}  // namespace cofactor::cuda
