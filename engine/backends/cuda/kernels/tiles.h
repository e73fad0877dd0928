// A matrix (rows, channels) cut into tiles, one per group of threads, and what joins the values of a group's lanes. The
// cut depends on the matrix alone, and joins always go in the same order, so that a result is bitwise the same in every
// run, on every GPU, and for any number of threads.
#pragma once

#include "engine/backends/cuda/kernels/divider.h"
#include "engine/backends/cuda/kernels/launch.h"
#include "engine/backends/cuda/kernels/packs.h"

namespace cofactor::cuda {

// The rows of a tile that one lane reads, all in the same N columns.
struct LaneRows {
  int64_t at;    // where the first one's columns lie
  int64_t step;  // from one row to the next, in elements
  int count;     // 0: none, and `column` may lie outside of the matrix
  int64_t column;
};

// A tile is a chunk of rows of a slab of columns: packs of N columns, 128 bytes side by side, each read by several
// lanes that take turns at the rows. Without packs (N = 1) a slab is 32 columns.
template <int N>
struct Tiles {
  static constexpr int kPacks = N == 1 ? 32 : 8;
  static constexpr int kColumns = kPacks * N;
  static constexpr int kRows = kBlockThreads / kPacks;  // that the lanes read at once
  // A tile's rows are a multiple of this: 4 rows of each lane in flight at once, and so many that the values which a
  // tile leaves for each of its columns are few beside them.
  static constexpr int64_t kRowStep = std::max(4 * kRows, 128);
  // At most about so many tiles as an H100, with 132 multiprocessors, works on at once.
  static constexpr int64_t kTiles = 132 * kStageBlocks;

  int64_t rows, channels;
  Divider slabs;
  int chunks, chunk_rows, last_rows;  // last_rows: of the last chunk

  // `matrices`: how many of them are cut so at once.
  Tiles(int64_t all_rows, int64_t all_channels, int64_t matrices = 1) : rows(all_rows), channels(all_channels) {
    const int64_t across = (channels + kColumns - 1) / kColumns;
    const int64_t even = (rows * across * matrices + kTiles - 1) / kTiles;
    const int64_t height = std::max<int64_t>(1, (even + kRowStep - 1) / kRowStep) * kRowStep;
    const int64_t down = std::max<int64_t>(1, (rows + height - 1) / height);
    slabs = Divider(across);
    chunks = static_cast<int>(down);
    chunk_rows = static_cast<int>(height);
    last_rows = static_cast<int>(rows - (down - 1) * height);
  }
  int64_t count() const { return chunks * slabs.divisor(); }
  // Tile i's chunk, and its first column.
  COFACTOR_HD int chunk(int64_t i) const { return static_cast<int>(slabs.quotient(i)); }
  COFACTOR_HD int64_t column(int64_t i) const { return slabs.remainder(i) * kColumns; }
  COFACTOR_HD int rows_of(int chunk) const { return chunk + 1 < chunks ? chunk_rows : last_rows; }
  COFACTOR_HD LaneRows lane_rows(int64_t i, int lane) const {
    const int at_chunk = chunk(i), first = lane / kPacks, all = rows_of(at_chunk);
    const int64_t col = column(i) + lane % kPacks * N;
    const int count = col < channels && first < all ? (all - first + kRows - 1) / kRows : 0;
    return {(int64_t{at_chunk} * chunk_rows + first) * channels + col, kRows * channels, count, col};
  }
};

// Calls body.template operator()<n>(at) for the rows of a lane: kUnroll rows at a time as long as there are as many,
// then one by one. `at` is where the first of the n rows lies.
template <int kUnroll, class Body>
COFACTOR_HD void for_rows(const LaneRows& rows, const Body& body) {
  int64_t at = rows.at;
  COFACTOR_ROLLED
  for (int left = rows.count / kUnroll; left > 0; --left, at += kUnroll * rows.step)
    body.template operator()<kUnroll>(at);
  if constexpr (kUnroll > 1) {
    COFACTOR_ROLLED
    for (int left = rows.count % kUnroll; left > 0; --left, at += rows.step) body.template operator()<1>(at);
  }
}

// The packs of n rows, all loads before any use.
template <class T, int N, int n>
COFACTOR_HD void load_rows(const T* x, int64_t at, int64_t step, Pack<T, N> (&packs)[n]) {
  for (int u = 0; u < n; ++u) packs[u] = Pack<T, N>::load(x + at + u * step);
}

// In memory that a group shares: kPlanes values of each lane, where lane = row * kWidth + column. join() joins the rows
// by halves (Value::join), after which values[plane][column] is the whole column's. kWidth is a power of two.
template <class Value, int kPlanes, int kWidth>
struct Tree {
  Value values[kPlanes][kBlockThreads];

  template <class Group>
  COFACTOR_HD void join(const Group& group) {
    constexpr int kBits = std::bit_width(unsigned{kBlockThreads}) - 1;
    COFACTOR_ROLLED
    for (int bits = kBits - 1; 1 << bits >= kWidth; --bits) {
      group.sync();
      group.lanes([&](int lane) {
        COFACTOR_ROLLED
        for (int i = lane; i < kPlanes << bits; i += kBlockThreads) {
          Value* const stays = &values[i >> bits][i & ((1 << bits) - 1)];
          stays->join(stays[1 << bits]);
        }
      });
    }
    group.sync();
  }
};

// What the tiles leave of their columns: a Part per (channel, chunk), those of a channel side by side. Groups join them
// for kJoinedChannels channels each, with as many lanes for each.
inline constexpr int kJoinedChannels = 2;
inline constexpr int kJoiningLanes = kBlockThreads / kJoinedChannels;
inline int64_t joining_groups(int64_t channels) {
  return (channels + kJoinedChannels - 1) / kJoinedChannels;
}

// The chunks of group i's channels: Value::join(value_of(chunk, part)) of each, from `start` on, and
// finish(channel, value).
template <class Value, class Part, class Group, class ValueOf, class Finish>
COFACTOR_HD void join_chunks(const Group& group, int64_t i, const Part* parts, int chunks, int64_t channels,
                             Tree<Value, 1, kJoinedChannels>& tree, const Value& start, const ValueOf& value_of,
                             const Finish& finish) {
  group.lanes([&](int lane) {
    constexpr int kAtOnce = 4;  // loads before their use
    const int row = lane % kJoiningLanes, column = lane / kJoiningLanes;
    const int64_t channel = i * kJoinedChannels + column;
    const Part* const from = parts + channel * chunks;
    Value value = start;
    COFACTOR_ROLLED
    for (int first = row; channel < channels && first < chunks; first += kAtOnce * kJoiningLanes) {
      Part loaded[kAtOnce] = {};
      for (int u = 0; u < kAtOnce; ++u)
        if (first + u * kJoiningLanes < chunks) loaded[u] = from[first + u * kJoiningLanes];
      for (int u = 0; u < kAtOnce; ++u)
        if (first + u * kJoiningLanes < chunks) value.join(value_of(first + u * kJoiningLanes, loaded[u]));
    }
    tree.values[0][row * kJoinedChannels + column] = value;
  });
  tree.join(group);
  group.lanes([&](int lane) {
    const int64_t channel = i * kJoinedChannels + lane;
    if (lane < kJoinedChannels && channel < channels) finish(channel, tree.values[0][lane]);
  });
}

}  // namespace cofactor::cuda
