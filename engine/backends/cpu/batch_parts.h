// A batch divided into parts, each of which oneDNN computes on one thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/backends/cpu/parallel.h"
#include "engine/tensor.h"

namespace cofactor::cpu {

// The shape of a part of x with this many images.
inline Shape with_images(const Tensor& x, int64_t images) {
  Shape shape = x.shape();
  shape[0] = images;
  return shape;
}

// The parts differ by at most one image, and depend only on the batch size and the number of threads.
class BatchParts {
 public:
  explicit BatchParts(int64_t images)
      : images_(images), count_(std::clamp<int64_t>(images, 1, std::min(num_threads(), ThreadPool::kMaxParts))) {}

  int64_t count() const { return count_; }
  int64_t first(int64_t part) const { return images_ * part / count_; }

  // Calls run(part, first image, kernel) for each part on the pool's threads. make(images) gives the kernel for a part
  // with that many images; it is called on this thread, before the first part runs.
  template <class Make, class Run>
  void run(const Make& make, const Run& body) const {
    const int64_t least = images_ / count_;
    const auto& small = make(least);
    const auto& large = images_ % count_ == 0 ? small : make(least + 1);
    ThreadPool::instance().run(
        count_, [&](int64_t part) { body(part, first(part), first(part + 1) - first(part) == least ? small : large); });
  }

 private:
  int64_t images_, count_;
};

}  // namespace cofactor::cpu
