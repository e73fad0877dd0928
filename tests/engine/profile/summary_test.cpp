// The table of a recording, from events made by hand and from real steps.
#include "engine/profile/summary.h"

#include <doctest/doctest.h>

#include "tests/engine/cost_text.h"
#include "tests/engine/profile/small_step.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

constexpr int64_t kMs = 1'000'000;  // in nanoseconds

ProfileEvent event(EventKind kind, std::string_view name, int64_t begin, int64_t end, const Cost& cost = {}) {
  return {.kind = kind, .name = name, .begin = begin * kMs, .end = end * kMs, .cost = cost};
}

const ProfileRow* row_of(const ProfileSummary& summary, std::string_view name) {
  const auto found = std::ranges::find(summary.rows, name, &ProfileRow::name);
  return found == summary.rows.end() ? nullptr : &*found;
}

// Two steps of 100 ms: a load, an op of two kernels, its gradient, an optimizer without an op.
std::vector<ProfileEvent> two_steps() {
  std::vector<ProfileEvent> events;
  for (int64_t at : {int64_t{0}, int64_t{200}}) {
    const Cost whole{4e9, 3e8}, half{2e9, 1.5e8};
    events.push_back(event(EventKind::step, "step", at, at + 100));
    events.push_back(event(EventKind::phase, "load", at, at + 10));
    events.push_back(event(EventKind::phase, "forward", at + 10, at + 50));
    events.push_back(event(EventKind::op, "conv2d", at + 12, at + 50, whole));
    events.push_back(event(EventKind::kernel, "cast", at + 12, at + 20, half));
    events.push_back(event(EventKind::kernel, "conv2d", at + 20, at + 50, half));
    events.push_back(event(EventKind::phase, "backward", at + 50, at + 80));
    events.push_back(event(EventKind::backward_op, "conv2d", at + 50, at + 80, whole));
    events.push_back(event(EventKind::kernel, "conv2d_vjp_weights", at + 51, at + 79, whole));
    events.push_back(event(EventKind::phase, "optimizer", at + 80, at + 95));
    events.push_back(event(EventKind::kernel, "sgd_step", at + 80, at + 90, {1e6, 1e9}));
    events.push_back(event(EventKind::reading, "read a batch", at + 20, at + 60));
    events.back().thread = 2;
  }
  return events;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("summary: rows are ops and kernels without one and the wait for batches") {
    const ProfileSummary summary = summarize(two_steps());
    CHECK(summary.steps == 2);
    CHECK(summary.seconds == doctest::Approx(0.1));
    REQUIRE(summary.rows.size() == 4);
    CHECK(summary.rows[0].name == "conv2d");
    CHECK(summary.rows[0].calls == 1.0);
    CHECK(summary.rows[0].seconds == doctest::Approx(0.038));
    CHECK(summary.rows[0].cost == Cost{4e9, 3e8});
    CHECK(summary.rows[1].name == "conv2d backward");
    CHECK(summary.rows[1].seconds == doctest::Approx(0.030));
    CHECK(row_of(summary, "load")->seconds == doctest::Approx(0.010));
    CHECK(row_of(summary, "sgd_step")->seconds == doctest::Approx(0.010));
    CHECK(summary.other_seconds == doctest::Approx(0.1 - 0.038 - 0.030 - 0.010 - 0.010));
  }

  TEST_CASE("summary: with a device's times an op takes what its kernels take there") {
    std::vector<ProfileEvent> events = two_steps();
    for (ProfileEvent& one : events) {
      if (one.kind != EventKind::kernel) continue;
      one.device_begin = one.begin + 3 * kMs;
      one.device_end = one.device_begin + (one.end - one.begin) / 2;
    }
    const ProfileSummary summary = summarize(events);
    CHECK(row_of(summary, "conv2d")->seconds == doctest::Approx(0.019));
    CHECK(row_of(summary, "conv2d backward")->seconds == doctest::Approx(0.014));
    CHECK(row_of(summary, "sgd_step")->seconds == doctest::Approx(0.005));
    CHECK(row_of(summary, "load")->seconds == doctest::Approx(0.010));
  }

  TEST_CASE("summary: an op while a batch is loaded is not counted twice") {
    const ProfileSummary summary =
        summarize({event(EventKind::step, "step", 0, 20), event(EventKind::phase, "load", 0, 20),
                   event(EventKind::op, "images_from_bytes", 5, 15, {0.0, 1e6}),
                   event(EventKind::kernel, "images_from_bytes", 5, 15, {0.0, 1e6})});
    CHECK(row_of(summary, "load")->seconds == doctest::Approx(0.010));
    CHECK(row_of(summary, "images_from_bytes")->seconds == doctest::Approx(0.010));
    CHECK(summary.other_seconds == doctest::Approx(0.0));
  }

  TEST_CASE("summary: a kernel within a kernel is a part of it") {
    const ProfileSummary summary =
        summarize({event(EventKind::step, "step", 0, 20), event(EventKind::kernel, "cast_many", 0, 20),
                   event(EventKind::kernel, "cast", 5, 15)});
    REQUIRE(summary.rows.size() == 1);
    CHECK(summary.rows[0].name == "cast_many");
  }

  TEST_CASE("summary: the table names the limit of each op") {
    // 4e9 flops take 40 ms at 100 GFLOP/s, and 3e8 bytes 15 ms at 20 GB/s: arithmetic. sgd_step: 1e9 bytes, memory.
    std::vector<ProfileEvent> events = two_steps();
    events.push_back(event(EventKind::op, "neg", 296, 297, {1.0, 8.0}));
    const std::string table = format_summary(summarize(events), {.flops = 100e9, .bytes = 20e9});
    INFO(table);
    CHECK(contains(
        table, "conv2d                            1    38.000   38.0%     105.3      7.9       105%  arithmetic\n"));
    CHECK(
        contains(table, "sgd_step                          1    10.000   10.0%       0.1    100.0       500%  memory"));
    CHECK(contains(table, "neg                             0.5     0.500    0.5%       0.0      0.0         0%  call"));
    CHECK(contains(table, "other: between the ops                 11.500   11.5%\n"));
    CHECK(contains(table, "a step                                100.000  100.0%\n"));
    CHECK(contains(table, "The machine: 100.0 GFLOP/s in a matrix product, 20.0 GB/s in a copy."));
  }

  TEST_CASE("summary: of no steps there are no rows") {
    CHECK(summarize({}).rows.empty());
  }

  TEST_CASE("summary: on every device the ops make up the step within 5 percent") {
    for (const Device device : available_devices()) {
      CAPTURE(device);
      SmallStep step(device, 64, 24, 16);
      step.run();
      // On a busy machine the thread may be stopped between two ops: the best of several recordings counts.
      double least = 1.0;
      for (int attempt = 0; attempt < 10 && least > 0.05; ++attempt) {
        ProfileRecording recording(device);
        for (int i = 0; i < 3; ++i) {
          ProfileRecording::Step recorded(recording);
          step.run();
          recorded.keep();
        }
        const ProfileSummary summary = summarize(recording.events());
        double rows = 0.0;
        for (const ProfileRow& row : summary.rows) rows += row.seconds;
        CHECK(rows + summary.other_seconds == doctest::Approx(summary.seconds));
        CHECK(summary.other_seconds > 0.0);
        least = std::min(least, summary.other_seconds / summary.seconds);
      }
      CHECK(least <= 0.05);
    }
  }

  TEST_CASE("machine rates: both are measured and bound a kernel's time") {
    for (const Device device : available_devices()) {
      CAPTURE(device);
      const MachineRates rates = measure_machine(device, DType::f32);
      CHECK(rates.flops > 1e6);
      CHECK(rates.bytes > 1e7);
      CHECK(rates.least_seconds({rates.flops, 0.0}) == doctest::Approx(1.0));
      CHECK(rates.least_seconds({rates.flops, 2.0 * rates.bytes}) == doctest::Approx(2.0));
      CHECK(rates.memory_bound({rates.flops, 2.0 * rates.bytes}));
      CHECK(!rates.memory_bound({rates.flops, 0.5 * rates.bytes}));
    }
  }
}

}  // namespace cofactor::testing
