// Launches the cuda backend's kernels on the host: `each` as a loop, `groups` as real threads that meet at barriers, so
// that a missing sync() or an index beyond its range shows here, without a GPU (and to the sanitizers). Launches can be
// recorded, with the bytes that they move.
#pragma once

#include <algorithm>
#include <barrier>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
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

  template <class F>
  void lanes(const F& f) const {
    for (int lane = rank(); lane < cuda::kBlockThreads; lane += size()) f(lane);
  }
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

// One launch of a recorded step: a kernel of the backend's own, or a call of a library.
struct LaunchCost {
  std::string op;
  int64_t bytes = 0;  // that it reads from and writes to device memory
  double flops = 0;   // of a library's call
};

// What a recorded step will do, launch by launch.
struct RecordedLaunch {
  LaunchCost cost;
  std::function<void()> run;
};
using Recording = std::vector<RecordedLaunch>;

// A launch with groups of `group_size` threads. One thread is enough for most shapes; the tests of cooperation take
// more.
class HostLaunch {
 public:
  // While `*recording` is not null, launches are added to it under the name `op` and do not run.
  explicit HostLaunch(int group_size = 1, Recording* const* recording = nullptr, std::string op = "test")
      : group_size_(group_size), recording_(recording), cost_{.op = std::move(op)} {}

  HostLaunch moves(int64_t bytes, double flops = 0) const {
    HostLaunch counted = *this;
    counted.cost_.bytes = bytes;
    counted.cost_.flops = flops;
    return counted;
  }

  // All orders are the last index first: a kernel must not rely on an order.
  template <class F>
  void each(int64_t count, const F& f) const {
    if (count <= 0) return;
    run_or_record([=] {
      for (int64_t i = count; i-- > 0;) f(i);
    });
  }
  template <class F>
  void groups(int64_t count, const F& f) const {
    if (count <= 0) return;
    run_or_record([=, this_size = group_size_] { run_groups(this_size, count, f); });
  }
  template <class F>
  void warps(int64_t count, const F& f) const {
    groups(count, f);
  }
  template <class... F>
  void stages(const cuda::Stage<F>&... stages) const {
    if (std::max({stages.count...}) <= 0) return;
    run_or_record([=, this_size = group_size_] { (run_groups(this_size, stages.count, stages.run), ...); });
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

  // A call of a library.
  void run_or_record(std::function<void()> work) const {
    if (recording_ && *recording_) {
      (*recording_)->push_back({cost_, std::move(work)});
    } else {
      work();
    }
  }
  // A call of a library that does what `work(launch)` launches. `work` may not allocate: the kernels run after it.
  template <class Work>
  void library(const Work& work) const {
    Recording parts;
    Recording* const recording = &parts;
    work(HostLaunch(group_size_, &recording, cost_.op));
    run_or_record([parts = std::move(parts)] {
      for (const RecordedLaunch& part : parts) part.run();
    });
  }

 private:
  template <class F>
  static void run_groups(int group_size, int64_t count, const F& f) {
    if constexpr (cuda::SharesMemory<F>) {
      using Shared = typename F::Shared;
      const auto shared = std::make_unique<Shared>();
      for_each_group(group_size, count, [&](const HostGroup& group, int64_t i) {
        // What an earlier group left there is no group's to read. All bits set are NaN.
        if (group.rank() == 0) std::memset(static_cast<void*>(shared.get()), 0xff, sizeof(Shared));
        group.sync();
        f(group, i, *shared);
        group.sync();
      });
    } else {
      for_each_group(group_size, count, f);
    }
  }
  template <class Body>
  static void for_each_group(int group_size, int64_t count, const Body& body) {
    HostGroupState state(group_size);
    const auto thread = [&](int rank) {
      const HostGroup group(state, rank);
      for (int64_t i = count; i-- > 0;) body(group, i);
    };
    if (group_size == 1) return thread(0);
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < group_size; ++rank) threads.emplace_back(thread, rank);
  }

  int group_size_;
  Recording* const* recording_;
  LaunchCost cost_;
};

}  // namespace cofactor::testing
