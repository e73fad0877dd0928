#include "engine/profile/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/io/json.h"

namespace cofactor {

namespace {

constexpr int kProcess = 1, kDeviceTrack = 0;

double microseconds(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e3;  // rounded once: 5879 ns is written as 5.879
}

std::string_view category_of(EventKind kind) {
  switch (kind) {
    case EventKind::step: return "step";
    case EventKind::phase: return "phase";
    case EventKind::op: return "op";
    case EventKind::backward_op: return "backward op";
    case EventKind::kernel: return "kernel";
    case EventKind::reading: return "reading";
  }
  return "";
}

Json arguments_of(const ProfileEvent& event, int64_t nanoseconds) {
  Json arguments = Json::object();
  Json shapes = Json::array();
  for (const TensorSpec& tensor : event.tensors)
    shapes.push_back(tensor.defined ? fmt::format("{} {}", tensor.shape, name_of(tensor.dtype)) : "none");
  if (!shapes.empty()) arguments["shapes"] = std::move(shapes);
  if (event.cost == Cost{}) return arguments;
  arguments["flops"] = event.cost.flops;
  arguments["bytes"] = event.cost.bytes;
  if (nanoseconds <= 0) return arguments;
  arguments["GFLOP/s"] = event.cost.flops / static_cast<double>(nanoseconds);
  arguments["GB/s"] = event.cost.bytes / static_cast<double>(nanoseconds);
  return arguments;
}

Json complete_event(const ProfileEvent& event, int64_t begin, int64_t end, int track) {
  return {{"name", event.title()},
          {"cat", category_of(event.kind)},
          {"ph", "X"},
          {"ts", microseconds(begin)},
          {"dur", microseconds(end - begin)},
          {"pid", kProcess},
          {"tid", track},
          {"args", arguments_of(event, end - begin)}};
}

// Names the process or a track. Viewers use neither its time nor its duration.
Json metadata(std::string_view what, int track, std::string_view name) {
  return {{"name", what},
          {"ph", "M"},
          {"ts", 0},
          {"dur", 0},
          {"pid", kProcess},
          {"tid", track},
          {"args", {{"name", name}}}};
}

}  // namespace

Json trace_of(const std::vector<ProfileEvent>& events, const Json& about) {
  Json list = Json::array();
  list.push_back(metadata("process_name", 1, "training"));
  int threads = 0;
  bool on_device = false;
  for (const ProfileEvent& event : events) {
    threads = std::max(threads, event.thread);
    on_device = on_device || event.device_begin >= 0;
  }
  if (on_device) list.push_back(metadata("thread_name", kDeviceTrack, "device"));
  for (int thread = 1; thread <= threads; ++thread)
    list.push_back(
        metadata("thread_name", thread, thread == kTrainingThread ? "training" : fmt::format("loader {}", thread - 1)));
  for (const ProfileEvent& event : events) {
    list.push_back(complete_event(event, event.begin, event.end, event.thread));
    if (event.device_begin >= 0)
      list.push_back(complete_event(event, event.device_begin, event.device_end, kDeviceTrack));
  }
  return {{"traceEvents", std::move(list)}, {"displayTimeUnit", "ms"}, {"otherData", about}};
}

}  // namespace cofactor
