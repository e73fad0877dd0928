// Kernels over many tensors in one launch: a table of the tensors travels as the kernel's argument. Each group of
// threads works on one chunk of one tensor.
#pragma once

#include <span>

#include "engine/backends/cuda/kernels/packs.h"

namespace cofactor::cuda {

// Tensors of one launch. The table of the largest kernel has 12 KiB; an argument may have 32,764 bytes on GPUs from
// compute capability 7.0 on and with CUDA from 12.1 on.
inline constexpr int kSlotsPerLaunch = 256;
inline constexpr size_t kMaxArgumentBytes = 32764;
// Elements of a chunk: a multiple of every pack's width, and a few packs for each thread of a block.
inline constexpr int64_t kSlotChunk = 16 * kBlockThreads;

// Slots of `kPointers` addresses each, all of tensors with the same number of elements.
template <int kPointers>
class SlotTable {
 public:
  // The part of a slot that a group works on: elements begin .. end - 1.
  struct Chunk {
    int slot;
    int64_t begin, end;
  };

  bool full() const { return count_ == kSlotsPerLaunch; }
  bool empty() const { return count_ == 0; }
  int64_t chunks() const { return chunks_; }
  int64_t bytes() const { return bytes_; }
  // `fit`: whether packs may be moved at all of the addresses. `kind`: what the kernel distinguishes slots by. `bytes`:
  // what the kernel moves for the slot.
  void add(int64_t numel, bool fit, int kind, int64_t bytes, const void* const (&addresses)[kPointers]) {
    bytes_ += bytes;
    for (int k = 0; k < kPointers; ++k) addresses_[k][count_] = const_cast<void*>(addresses[k]);
    numel_[count_] = numel;
    first_[count_] = static_cast<int32_t>(chunks_);
    fit_[count_] = fit;
    kind_[count_] = static_cast<uint8_t>(kind);
    chunks_ += static_cast<int32_t>((numel + kSlotChunk - 1) / kSlotChunk);
    ++count_;
  }

  // Chunk number i, by bisection: once for each group.
  COFACTOR_HD Chunk chunk(int64_t i) const {
    int low = 0, high = count_ - 1;  // the last slot whose first chunk is at most i
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (first_[middle] <= i) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    const int64_t begin = (i - first_[low]) * kSlotChunk, end = begin + kSlotChunk;
    return {low, begin, end < numel_[low] ? end : numel_[low]};
  }
  template <class T>
  COFACTOR_HD T* address(int pointer, int slot) const {
    return static_cast<T*>(addresses_[pointer][slot]);
  }
  COFACTOR_HD int kind(int slot) const { return kind_[slot]; }

  // Runs body.run<N>(at) over the packs of a chunk and run<1> over the rest; the group's threads take turns.
  template <int N, class Group, class Body>
  COFACTOR_HD void over(const Group& group, const Chunk& chunk, const Body& body) const {
    const int count = static_cast<int>(chunk.end - chunk.begin), packs = fit_[chunk.slot] ? count / N : 0;
    for (int k = group.rank(); k < packs; k += group.size()) body.template run<N>(chunk.begin + k * N);
    for (int k = packs * N + group.rank(); k < count; k += group.size()) body.template run<1>(chunk.begin + k);
  }

 private:
  int count_ = 0;
  int32_t chunks_ = 0;
  int64_t bytes_ = 0;
  int32_t first_[kSlotsPerLaunch] = {};  // chunks before the slot
  int64_t numel_[kSlotsPerLaunch] = {};
  void* addresses_[kPointers][kSlotsPerLaunch] = {};
  bool fit_[kSlotsPerLaunch] = {};
  uint8_t kind_[kSlotsPerLaunch] = {};
};

// Fills tables and calls run(table) for each. add(table, slot) adds a slot, or leaves it out.
template <class Table, class Slot, class Add, class Run>
void for_each_table(std::span<const Slot> slots, const Add& add, const Run& run) {
  Table table;
  for (const Slot& slot : slots) {
    add(table, slot);
    if (!table.full()) continue;
    run(table);
    table = {};
  }
  if (!table.empty()) run(table);
}

}  // namespace cofactor::cuda
