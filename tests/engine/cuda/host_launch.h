// Launches the cuda backend's kernels on the host: `each` as a loop, `groups` as real threads that meet at barriers, so
// that a missing sync() or an index beyond its range shows here, without a GPU (and to the sanitizers).
#pragma once

#include <algorithm>
#include <barrier>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "engine/backends/cuda/kernels/launch.h"

namespace cofactor::testing {

// What the threads of one group share.
struct HostGroupState {
  explicit HostGroupState(int size) : barrier(size), values(static_cast<size_t>(size)) {}
  std::barrier<> barrier;
  std::vector<double> values;
};

class HostGroup {
 public:
  HostGroup(HostGroupState& state, int rank) : state_(state), rank_(rank) {}
  int rank() const { return rank_; }
  int size() const { return static_cast<int>(state_.values.size()); }
  void sync() const { state_.barrier.arrive_and_wait(); }

  template <class T>
  T sum(T value) const {
    return over(value, [](T a, T b) { return a + b; });
  }
  template <class T>
  T maximum(T value) const {
    return over(value, [](T a, T b) { return a > b || a != a ? a : b; });
  }

 private:
  // In the order of the ranks; a double holds every T that kernels use exactly.
  template <class T, class Join>
  T over(T value, Join join) const {
    state_.values[static_cast<size_t>(rank_)] = static_cast<double>(value);
    sync();
    T result = static_cast<T>(state_.values[0]);
    for (size_t k = 1; k < state_.values.size(); ++k) result = join(result, static_cast<T>(state_.values[k]));
    sync();
    return result;
  }

  HostGroupState& state_;
  int rank_;
};

// What a recorded step will do, launch by launch.
using Recording = std::vector<std::function<void()>>;

// A launch with groups of `group_size` threads. One thread is enough for most shapes; the tests of cooperation take
// more.
class HostLaunch {
 public:
  // While `*recording` is not null, launches are added to it and do not run.
  explicit HostLaunch(int group_size = 1, Recording* const* recording = nullptr)
      : group_size_(group_size), recording_(recording) {}

  template <class F>
  void each(int64_t count, const F& f) const {
    run_or_record([=] {
      for (int64_t i = count; i-- > 0;) f(i);  // backwards: a kernel must not rely on an order
    });
  }
  template <class F>
  void groups(int64_t count, const F& f) const {
    run_or_record([=, this] { run_groups(count, [&](const HostGroup& group, int64_t i) { f(group, i); }); });
  }
  template <class F>
  void groups_with_memory(int64_t count, const F& f) const {
    run_or_record([=, this] {
      const auto shared = std::make_unique<typename F::Shared>();
      run_groups(count, [&](const HostGroup& group, int64_t i) {
        f(group, i, *shared);
        group.sync();
      });
    });
  }
  void sort_pairs(const int32_t* keys, const int32_t* values, int64_t count, int32_t* sorted_keys,
                  int32_t* sorted_values) const {
    run_or_record([=] {
      std::vector<int64_t> order(static_cast<size_t>(count));
      std::iota(order.begin(), order.end(), int64_t{0});
      std::ranges::stable_sort(order, {}, [&](int64_t i) { return keys[i]; });
      for (int64_t i = 0; i < count; ++i) {
        sorted_keys[i] = keys[order[static_cast<size_t>(i)]];
        sorted_values[i] = values[order[static_cast<size_t>(i)]];
      }
    });
  }
  // Work of a library, say.
  void run_or_record(std::function<void()> work) const {
    if (recording_ && *recording_) {
      (*recording_)->push_back(std::move(work));
    } else {
      work();
    }
  }

 private:
  template <class Body>
  void run_groups(int64_t count, const Body& body) const {
    HostGroupState state(group_size_);
    const auto thread = [&](int rank) {
      const HostGroup group(state, rank);
      for (int64_t i = 0; i < count; ++i) body(group, i);
    };
    if (group_size_ == 1) return thread(0);
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < group_size_; ++rank) threads.emplace_back(thread, rank);
  }

  int group_size_;
  Recording* const* recording_;
};

}  // namespace cofactor::testing
