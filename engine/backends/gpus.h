// The GPUs of this machine: a backend for each, made when it is first used.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

namespace cofactor {

class Backend;

class Gpus {
 public:
  // `make` gives the backend of the GPU with an index below `count`; it is called once per index, on first use, and
  // again after it has thrown. What it gives is never destroyed: tensors with static storage may outlive any order of
  // destruction.
  Gpus(int count, std::function<Backend*(int index)> make);

  int count() const { return static_cast<int>(backends_.size()); }
  // Throws Error where there is no such GPU, and what `make` throws. Thread-safe.
  Backend& at(int index);

 private:
  std::function<Backend*(int)> make_;
  std::mutex making_;
  std::vector<std::atomic<Backend*>> backends_;
};

}  // namespace cofactor
