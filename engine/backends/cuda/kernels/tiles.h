// A matrix (rows, channels) cut into tiles, one per group of threads, and what joins the values of a group's lanes. The
// cut depends on the matrix alone, and joins always go in the same order, so that a result is bitwise the same in every
// run, on every GPU, and for any number of threads.
#pragma once

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
  int slabs, chunks, chunk_rows, last_rows;  // last_rows: of the last chunk

  Tiles(int64_t all_rows, int64_t all_channels) : rows(all_rows), channels(all_channels) {
    const int64_t across = (channels + kColumns - 1) / kColumns;
    const int64_t even = (rows * across + kTiles - 1) / kTiles;
    const int64_t height = std::max<int64_t>(1, (even + kRowStep - 1) / kRowStep) * kRowStep;
    const int64_t down = std::max<int64_t>(1, (rows + height - 1) / height);
    slabs = static_cast<int>(across);
    chunks = static_cast<int>(down);
    chunk_rows = static_cast<int>(height);
    last_rows = static_cast<int>(rows - (down - 1) * height);
  }
  int64_t count() const { return int64_t{chunks} * slabs; }
  // Tile i's chunk, and its first column.
  COFACTOR_HD int chunk(int64_t i) const {
    return static_cast<int>(static_cast<uint32_t>(i) / static_cast<uint32_t>(slabs));
  }
  COFACTOR_HD int64_t column(int64_t i) const {
    return static_cast<int64_t>(static_cast<uint32_t>(i) % static_cast<uint32_t>(slabs)) * kColumns;
  }
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
  int k = 0;
  COFACTOR_ROLLED
  for (; k + kUnroll <= rows.count; k += kUnroll, at += kUnroll * rows.step) body.template operator()<kUnroll>(at);
  if constexpr (kUnroll > 1) {
    COFACTOR_ROLLED
    for (; k < rows.count; ++k, at += rows.step) body.template operator()<1>(at);
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

}  // namespace cofactor::cuda
