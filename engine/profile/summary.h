// What a recording says per op: calls, time, rates, and how close each comes to what the machine can do.
#pragma once

#include <string>
#include <vector>

#include "engine/profile/machine_rates.h"
#include "engine/profile/recorder.h"

namespace cofactor {

// Of one step, on average over those recorded.
struct ProfileRow {
  std::string name;  // an op, "conv2d" or "conv2d backward"; a kernel that no op calls; "load": waiting for a batch
  double calls = 0.0, seconds = 0.0;
  Cost cost{};
};

struct ProfileSummary {
  int steps = 0;
  double seconds = 0.0;            // of a step
  double other_seconds = 0.0;      // of a step, in no row: the host's work between ops
  std::vector<ProfileRow> rows{};  // those that take longest first
};

// `events` as ProfileRecording::events gives them. Only the thread that trains counts. On a device with a clock an op
// takes the time of its kernels there.
ProfileSummary summarize(const std::vector<ProfileEvent>& events);

// As a table, one line per op, with the device's rates below it.
std::string format_summary(const ProfileSummary& summary, const MachineRates& rates);

}  // namespace cofactor
