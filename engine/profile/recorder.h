// Records what a training step spends its time on: phases, ops, kernels, and the reading of batches on other threads.
//
// Kernels are recorded by a backend that times the device's own (engine/backends/profiled_backend.cpp) and takes its
// place while a step is recorded. Ops need no code of their own: the tape names the op that the kernels since the last
// one belong to (engine/autograd.cpp). While nothing is recorded, each of these places costs a test of one flag.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cost.h"

namespace cofactor {

// They nest in this order: a step has phases, a phase has ops, an op has kernels. `reading` is a batch that is read,
// mostly by another thread.
enum class EventKind { step, phase, op, backward_op, kernel, reading };

inline constexpr int kTrainingThread = 1;

struct ProfileEvent {
  EventKind kind = EventKind::kernel;
  std::string_view name, detail{};             // string literals; detail: which unary op, say
  int thread = kTrainingThread;                // others are numbered from 2
  int64_t begin = 0, end = 0;                  // nanoseconds since the recording began, on the host
  int64_t device_begin = -1, device_end = -1;  // of a kernel that ran beside the host, on the same scale; else -1
  Cost cost{};                                 // of a kernel; of an op the sum of its kernels
  std::vector<TensorSpec> tensors{};           // inputs, then outputs

  // "conv2d", "conv2d backward", "unary relu"
  std::string title() const;
};

namespace profile {
extern std::atomic<bool> on;  // a step is being recorded
}
inline bool profiling() {
  return profile::on.load(std::memory_order_relaxed);
}

// Records the time from its construction to its destruction.
class ProfileSpan {
 public:
  // `name` is a string literal.
  ProfileSpan(EventKind kind, std::string_view name) : kind_(kind), name_(name) {
    if (profiling()) [[unlikely]]
      begin();
  }
  ~ProfileSpan() {
    if (begin_ >= 0) [[unlikely]]
      end();
  }
  // Ends here, and begins anew with another name.
  void next(std::string_view name) {
    if (begin_ >= 0) [[unlikely]]
      end();
    begin_ = -1;
    name_ = name;
    if (profiling()) [[unlikely]]
      begin();
  }
  ProfileSpan(const ProfileSpan&) = delete;
  ProfileSpan& operator=(const ProfileSpan&) = delete;

 private:
  void begin();
  void end();

  EventKind kind_;
  std::string_view name_;
  int64_t begin_ = -1;
};

// A recording of several steps on a device. One at a time may live in a process, since backends are the process's. The
// thread that makes it trains.
class ProfileRecording {
 public:
  // Throws Error while another lives.
  explicit ProfileRecording(Device device);
  ~ProfileRecording();
  ProfileRecording(const ProfileRecording&) = delete;
  ProfileRecording& operator=(const ProfileRecording&) = delete;

  // While it lives, everything is recorded; what a step has recorded is dropped unless it is kept.
  class Step {
   public:
    explicit Step(ProfileRecording& recording);
    ~Step();
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    void keep() { kept_ = true; }

   private:
    ProfileRecording& recording_;
    size_t first_;
    int64_t begin_;
    bool kept_ = false;
  };

  // The steps that were kept.
  int steps() const { return steps_; }
  // What was recorded so far, by its beginning; of two that begin at once the longer first. Waits for the device.
  std::vector<ProfileEvent> events() const;

 private:
  int steps_ = 0;
};

// What the places that record call.
namespace profile {

// For the tape: `output` was made by `op`, and by the kernels since the last op. Does nothing within a backward op.
void op_done(std::string_view op, const Tensor& output, std::span<const Tensor> inputs);

// For the backend that times another: the times on the host and, where the device has a clock, its marks.
struct KernelBegin {
  int64_t host = 0;
  int64_t mark = -1;
};
KernelBegin kernel_begins(Device device);
void kernel_ends(const KernelBegin& begin, ProfileEvent event);

// The backend to call while a step is recorded: it times the calls of `backend`.
Backend& timed(Backend& backend);

}  // namespace profile

// For ops that record no gradient, and so do not end in the tape's `record`.
inline void profile_op(std::string_view op, const Tensor& output) {
  if (profiling()) [[unlikely]]
    profile::op_done(op, output, {});
}

}  // namespace cofactor
