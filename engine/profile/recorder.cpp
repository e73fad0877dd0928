#include "engine/profile/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>

#include "engine/device_features.h"

namespace cofactor {

namespace profile {
std::atomic<bool> on{false};
}

namespace {

using ProfileClock = std::chrono::steady_clock;

// A kernel's event with the marks around it, until the device's times are read.
struct Recorded {
  ProfileEvent event;
  int64_t begin_mark = -1, end_mark = -1;
};

// The recording of this process. Never destroyed: a loader's thread may end after the program's last function.
struct Recorder {
  std::mutex mutex;  // guards what follows, but for what is atomic
  std::vector<Recorded> recorded;
  int threads = 0;
  std::atomic<bool> lives = false;
  std::atomic<uint64_t> generation = 0;  // of recordings
  int64_t began = 0;                     // by now()
  // Used by the thread that trains.
  Device device = kHost;
  std::unique_ptr<DeviceClock> clock;
  int64_t clock_began = 0;
};

Recorder& recorder() {
  static Recorder& only = *new Recorder;
  return only;
}

// Nanoseconds since some moment before the process.
int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(ProfileClock::now().time_since_epoch()).count();
}

// What a thread has recorded since its last op.
struct ThreadState {
  uint64_t generation = 0;
  int number = 0;
  int64_t first_kernel = -1;  // when it began
  Cost cost;
  bool in_backward_op = false;

  void forget_kernels() {
    first_kernel = -1;
    cost = {};
  }
};

thread_local ThreadState last_state;

// Of the present recording.
ThreadState& this_thread() {
  ThreadState& state = last_state;
  const uint64_t generation = recorder().generation;
  if (state.generation != generation) {
    state = {};
    state.generation = generation;
    const std::scoped_lock lock(recorder().mutex);
    state.number = ++recorder().threads;
  }
  return state;
}

void add(Recorded recorded) {
  recorded.event.thread = this_thread().number;
  if (!recorder().lives) return;
  const std::scoped_lock lock(recorder().mutex);
  recorder().recorded.push_back(std::move(recorded));
}

bool holds_kernels(EventKind kind) {
  return kind == EventKind::phase || kind == EventKind::backward_op || kind == EventKind::step;
}

}  // namespace

std::string ProfileEvent::title() const {
  if (kind == EventKind::backward_op) return fmt::format("{} backward", name);
  return detail.empty() ? std::string(name) : fmt::format("{} {}", name, detail);
}

// What runs in a phase behind its last op belongs to no op.
void ProfileSpan::begin() {
  ThreadState& state = this_thread();
  if (holds_kernels(kind_)) state.forget_kernels();
  if (kind_ == EventKind::backward_op) state.in_backward_op = true;
  begin_ = now();
}

void ProfileSpan::end() {
  if (last_state.generation != recorder().generation) return;  // it began in an earlier recording
  Recorded recorded{{.kind = kind_, .name = name_, .begin = begin_, .end = now()}};
  ThreadState& state = this_thread();
  if (kind_ == EventKind::backward_op) {
    recorded.event.cost = state.cost;
    state.in_backward_op = false;
  }
  if (holds_kernels(kind_)) state.forget_kernels();
  add(std::move(recorded));
}

namespace profile {

void op_done(std::string_view op, const Tensor& output, std::span<const Tensor> inputs) {
  ThreadState& state = this_thread();
  if (state.in_backward_op) return;
  const int64_t end = now();
  Recorded recorded{{.kind = EventKind::op, .name = op, .end = end, .cost = state.cost}};
  recorded.event.begin = state.first_kernel >= 0 ? state.first_kernel : end;  // a view runs nothing
  for (const Tensor& input : inputs) recorded.event.tensors.emplace_back(input);
  recorded.event.tensors.emplace_back(output);
  state.forget_kernels();
  add(std::move(recorded));
}

KernelBegin kernel_begins(Device device) {
  Recorder& all = recorder();
  ThreadState& state = this_thread();
  KernelBegin begin;
  if (all.clock && device == all.device && state.number == kTrainingThread)
    begin.mark = static_cast<int64_t>(all.clock->mark());
  begin.host = now();
  if (state.first_kernel < 0) state.first_kernel = begin.host;
  return begin;
}

void kernel_ends(const KernelBegin& begin, ProfileEvent event) {
  event.begin = begin.host;
  event.end = now();
  this_thread().cost += event.cost;
  Recorded recorded{std::move(event), begin.mark};
  if (begin.mark >= 0) recorded.end_mark = static_cast<int64_t>(recorder().clock->mark());
  add(std::move(recorded));
}

}  // namespace profile

ProfileRecording::ProfileRecording(Device device) {
  Recorder& all = recorder();
  check(!all.lives, "profile: another recording is under way, and there is one at a time");
  {
    const std::scoped_lock lock(all.mutex);
    all.recorded.clear();
    all.threads = 0;
    all.began = now();
    ++all.generation;
  }
  this_thread();  // takes number 1
  all.device = device;
  all.clock = features_of(device).clock();
  if (all.clock) {
    all.clock->mark();
    all.clock->times();  // nothing else is queued: the device reaches the mark now
    all.clock_began = now();
  }
  all.lives = true;
}

ProfileRecording::~ProfileRecording() {
  Recorder& all = recorder();
  all.lives = false;
  all.clock = nullptr;
  const std::scoped_lock lock(all.mutex);
  all.recorded = {};
}

ProfileRecording::Step::Step(ProfileRecording& recording) : recording_(recording) {
  this_thread().forget_kernels();
  {
    const std::scoped_lock lock(recorder().mutex);
    first_ = recorder().recorded.size();
  }
  profile::on = true;
  begin_ = now();
}

ProfileRecording::Step::~Step() {
  const int64_t end = now();
  profile::on = false;
  this_thread().forget_kernels();
  if (kept_) {
    ++recording_.steps_;
    add({{.kind = EventKind::step, .name = "step", .begin = begin_, .end = end}});
  } else {
    const std::scoped_lock lock(recorder().mutex);
    recorder().recorded.resize(first_);
  }
}

std::vector<ProfileEvent> ProfileRecording::events() const {
  Recorder& all = recorder();
  std::vector<double> times;
  if (all.clock) times = all.clock->times();
  const auto on_host = [&](int64_t mark) {
    return all.clock_began - all.began + std::llround(1e9 * times.at(static_cast<size_t>(mark)));
  };
  std::vector<ProfileEvent> events;
  {
    const std::scoped_lock lock(all.mutex);
    for (const Recorded& recorded : all.recorded) {
      ProfileEvent& event = events.emplace_back(recorded.event);
      event.begin -= all.began;
      event.end -= all.began;
      if (recorded.begin_mark < 0 || recorded.end_mark < 0) continue;
      event.device_begin = on_host(recorded.begin_mark);
      event.device_end = on_host(recorded.end_mark);
    }
  }
  std::ranges::stable_sort(events, [](const ProfileEvent& a, const ProfileEvent& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    return a.end != b.end ? a.end > b.end : a.kind < b.kind;
  });
  return events;
}

}  // namespace cofactor
