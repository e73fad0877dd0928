#include "engine/backends/gpus.h"

#include <string>
#include <utility>

#include "engine/error.h"

namespace cofactor {

namespace {

// "1 GPU, cuda:0", "2 GPUs, cuda:0 and cuda:1", "8 GPUs, cuda:0 to cuda:7"
std::string named_gpus(int count) {
  if (count == 1) return "1 GPU, cuda:0";
  return fmt::format("{} GPUs, cuda:0 {} cuda:{}", count, count == 2 ? "and" : "to", count - 1);
}

}  // namespace

Gpus::Gpus(int count, std::function<Backend*(int index)> make)
    : make_(std::move(make)), backends_(static_cast<size_t>(count)) {}

Backend& Gpus::at(int index) {
  check(index >= 0 && index < count(), "device cuda:{}: this machine has {}", index, named_gpus(count()));
  std::atomic<Backend*>& backend = backends_[static_cast<size_t>(index)];
  if (Backend* made = backend.load(std::memory_order_acquire)) return *made;
  const std::scoped_lock lock(making_);
  if (!backend) backend = make_(index);
  return *backend;
}

}  // namespace cofactor
