#include "engine/profile/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace cofactor {

namespace {

double seconds_between(int64_t begin, int64_t end) {
  return 1e-9 * static_cast<double>(end - begin);
}

bool is_op(EventKind kind) {
  return kind == EventKind::op || kind == EventKind::backward_op;
}

// Adds the events of the training thread to rows, each to that of the op around it.
class RowSums {
 public:
  void add(const ProfileEvent& event) {
    while (!around_.empty() && around_.back()->end <= event.begin && around_.back() != &event) around_.pop_back();
    switch (event.kind) {
      case EventKind::step:
        ++steps_;
        total_ += seconds_between(event.begin, event.end);
        break;
      case EventKind::op:
      case EventKind::backward_op: add_op(event); break;
      case EventKind::kernel: add_kernel(event); break;
      case EventKind::phase:
        if (event.name == "load") add_row("load", event, seconds_between(event.begin, event.end));
        break;
      case EventKind::reading: break;  // a part of "load", or on another thread
    }
    around_.push_back(&event);
  }

  ProfileSummary per_step() const {
    ProfileSummary summary{.steps = steps_};
    if (steps_ == 0) return summary;
    const double scale = 1.0 / steps_;
    summary.seconds = summary.other_seconds = scale * total_;
    for (const auto& [name, row] : rows_) {
      const Cost cost{scale * row.cost.flops, scale * row.cost.bytes};
      summary.rows.push_back({name, scale * row.calls, scale * row.seconds, cost});
      summary.other_seconds -= scale * row.seconds;
    }
    std::ranges::stable_sort(summary.rows, std::greater<>(), &ProfileRow::seconds);
    return summary;
  }

 private:
  ProfileRow& add_row(const std::string& name, const ProfileEvent& event, double seconds) {
    ProfileRow& row = rows_[name];
    row.calls += 1.0;
    row.seconds += seconds;
    row.cost += event.cost;
    return row;
  }

  const ProfileEvent* nearest(bool (*wanted)(EventKind)) const {
    for (size_t i = around_.size(); i-- > 0;)
      if (wanted(around_[i]->kind)) return around_[i];
    return nullptr;
  }

  // The time of an op on a device with a clock is that of its kernels, which follow.
  void add_op(const ProfileEvent& event) {
    take_from_load(event);
    row_ = &add_row(event.title(), event, seconds_between(event.begin, event.end));
    host_seconds_ = seconds_between(event.begin, event.end);
  }

  void add_kernel(const ProfileEvent& event) {
    if (nearest([](EventKind kind) { return kind == EventKind::kernel; })) return;  // a part of that kernel
    const bool on_device = event.device_begin >= 0;
    const double seconds =
        on_device ? seconds_between(event.device_begin, event.device_end) : seconds_between(event.begin, event.end);
    if (!nearest(is_op)) {
      take_from_load(event);
      add_row(event.title(), event, seconds);
    } else if (on_device) {
      row_->seconds += seconds - std::exchange(host_seconds_, 0.0);
    }
  }

  // What ops do while a batch is loaded is in their own rows.
  void take_from_load(const ProfileEvent& event) {
    const ProfileEvent* phase = nearest([](EventKind kind) { return kind == EventKind::phase; });
    if (phase && phase->name == "load") rows_["load"].seconds -= seconds_between(event.begin, event.end);
  }

  std::vector<const ProfileEvent*> around_;
  std::map<std::string, ProfileRow> rows_;
  ProfileRow* row_ = nullptr;  // of the last op
  double host_seconds_ = 0.0;  // of that op, until the first of its kernels with a device's time
  int steps_ = 0;
  double total_ = 0.0;
};

std::string rate(double amount, double seconds) {
  return amount > 0.0 && seconds > 0.0 ? fmt::format("{:.1f}", 1e-9 * amount / seconds) : "-";
}

// What bounds an op's time from below.
std::string_view limit_of(const ProfileRow& row, const MachineRates& rates) {
  constexpr double kSmall = 1e-6;  // seconds of work per call: calling a kernel takes as long
  if (rates.least_seconds(row.cost) < kSmall * row.calls) return "call";
  return rates.memory_bound(row.cost) ? "memory" : "arithmetic";
}

std::string line(std::string_view name, std::string_view calls, double seconds, double share) {
  return fmt::format("{:<28} {:>6} {:>9.3f} {:>6.1f}%", name, calls, 1e3 * seconds, 100.0 * share);
}

}  // namespace

ProfileSummary summarize(const std::vector<ProfileEvent>& events) {
  RowSums sums;
  for (const ProfileEvent& event : events)
    if (event.thread == kTrainingThread) sums.add(event);
  return sums.per_step();
}

std::string format_summary(const ProfileSummary& summary, const MachineRates& rates) {
  std::string text = fmt::format("{:<28} {:>6} {:>9} {:>7} {:>9} {:>8} {:>10}  {}\n", "op", "calls", "ms", "share",
                                 "GFLOP/s", "GB/s", "of machine", "limit");
  for (const ProfileRow& row : summary.rows) {
    text += line(row.name, fmt::format("{:g}", row.calls), row.seconds, row.seconds / summary.seconds);
    text += fmt::format(" {:>9} {:>8}", rate(row.cost.flops, row.seconds), rate(row.cost.bytes, row.seconds));
    if (row.cost.bytes > 0.0 && row.seconds > 0.0) {
      text += fmt::format(" {:>9.0f}%  {}", 100.0 * rates.least_seconds(row.cost) / row.seconds, limit_of(row, rates));
    }
    text += '\n';
  }
  text += line("other: between the ops", "", summary.other_seconds, summary.other_seconds / summary.seconds) + "\n";
  text += line("a step", "", summary.seconds, 1.0) + "\n";
  return text + fmt::format("The machine: {:.1f} GFLOP/s in a matrix product, {:.1f} GB/s in a copy.",
                            1e-9 * rates.flops, 1e-9 * rates.bytes);
}

}  // namespace cofactor
