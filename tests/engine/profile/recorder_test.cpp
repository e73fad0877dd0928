// What a recording holds, on every device: nesting, names, costs, other threads; and that it changes no result.
#include "engine/profile/recorder.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <thread>

#include "engine/ops/log_abs_det.h"
#include "tests/engine/profile/small_step.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

std::vector<ProfileEvent> of_kind(const std::vector<ProfileEvent>& events, EventKind kind) {
  std::vector<ProfileEvent> some;
  for (const ProfileEvent& event : events)
    if (event.kind == kind) some.push_back(event);
  return some;
}

std::vector<std::string_view> names(const std::vector<ProfileEvent>& events, EventKind kind) {
  std::vector<std::string_view> all;
  for (const ProfileEvent& event : of_kind(events, kind)) all.push_back(event.name);
  return all;
}

using Names = std::vector<std::string_view>;

// What `work` records as one step.
std::vector<ProfileEvent> recorded(Device device, const std::function<void()>& work) {
  ProfileRecording recording(device);
  {
    ProfileRecording::Step step(recording);
    work();
    step.keep();
  }
  return recording.events();
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("recorder: a step's ops and kernels are named and lie within what called them") {
    for (const Device device : available_devices()) {
      CAPTURE(device);
      SmallStep step(device);
      step.run();
      const std::vector<ProfileEvent> events = recorded(device, [&] { step.run(); });
      CHECK(names(events, EventKind::phase) == Names{"forward", "loss", "backward", "optimizer"});
      CHECK(names(events, EventKind::op) ==
            Names{"conv2d", "max_pool2d", "reshape", "linear", "log_softmax", "gather", "mean", "neg"});
      CHECK(names(events, EventKind::backward_op) ==
            Names{"neg", "mean", "gather", "log_softmax", "linear", "reshape", "max_pool2d", "conv2d"});
      const Names kernels = names(events, EventKind::kernel);
      for (const std::string_view kernel : {"conv2d", "conv2d_vjp_weights", "pool2d", "pool2d_vjp", "matmul",
                                            "softmax_vjp", "gather", "reduce", "sgd_step", "copy_to_host"}) {
        CAPTURE(kernel);
        CHECK(std::ranges::find(kernels, kernel) != kernels.end());
      }
      CHECK(nesting_error(events) == "");
    }
  }

  TEST_CASE("recorder: an op's cost is that of its kernels") {
    SmallStep step(kHost);
    const std::vector<ProfileEvent> events = recorded(kHost, [&] { step.run(); });
    const auto convolution = of_kind(events, EventKind::op).front();
    // 4 images, 6 x 6 places, 3 filters of 3 x 3 x 2; the bias.
    CHECK(convolution.cost.flops == 4.0 * 36 * 3 * (2 * 18 + 1));
    const auto backward = of_kind(events, EventKind::backward_op).back();
    CHECK(backward.cost.flops == 4.0 * 36 * 3 * (2 * 18 + 1));  // the images track no gradient: weights and bias alone
    CHECK(convolution.tensors.front().shape == Shape{4, 8, 8, 2});
    CHECK(convolution.tensors.back().shape == Shape{4, 6, 6, 3});
  }

  TEST_CASE("recorder: ops without a gradient are named too") {
    const Tensor x = Tensor::full({4, 3}, 1.0, DType::f32, kHost), labels = Tensor::full({4}, 1.0, DType::i32, kHost);
    const std::vector<ProfileEvent> events = recorded(kHost, [&] {
      const NoGrad no_grad;
      argmax(x);
      one_hot(labels, 3, DType::f32);
      log_abs_det(Tensor::from({2.0}, {1, 1}, kHost));
      matmul(x, transpose(x));
    });
    CHECK(names(events, EventKind::op) == Names{"argmax", "one_hot", "log_abs_det", "permute", "matmul"});
  }

  TEST_CASE("recorder: results are the same bits with it") {
    for (const Device device : available_devices()) {
      CAPTURE(device);
      SmallStep plain(device), profiled(device);
      for (int i = 0; i < 3; ++i) {
        plain.run();
        recorded(device, [&] { profiled.run(); });
      }
      CHECK(plain.weights() == profiled.weights());
    }
  }

  TEST_CASE("recorder: nothing is recorded outside of a step or of one that is not kept") {
    SmallStep step(kHost);
    ProfileRecording recording(kHost);
    step.run();
    { const ProfileRecording::Step dropped(recording); }
    {
      const ProfileRecording::Step dropped(recording);
      step.run();
    }
    CHECK(!profiling());
    CHECK(recording.steps() == 0);
    CHECK(recording.events().empty());
  }

  TEST_CASE("recorder: what throws within a step leaves none behind") {
    ProfileRecording recording(kHost);
    const auto failing = [&] {
      const ProfileRecording::Step step(recording);
      const ProfileSpan phase(EventKind::phase, "forward");
      const Tensor x = Tensor::full({2, 3}, 1.0, DType::f32, kHost);
      matmul(x, x);
    };
    CHECK(error_of(failing).starts_with("matmul: shapes"));
    CHECK(!profiling());
    CHECK(recording.events().empty());
  }

  TEST_CASE("recorder: another thread's spans have a number of their own") {
    ProfileRecording recording(kHost);
    {
      ProfileRecording::Step step(recording);
      std::jthread([] { const ProfileSpan span(EventKind::reading, "read a batch"); }).join();
      { const ProfileSpan span(EventKind::phase, "load"); }
      step.keep();
    }
    std::map<std::string_view, int> threads;
    for (const ProfileEvent& event : recording.events()) threads[event.name] = event.thread;
    CHECK(threads == std::map<std::string_view, int>{{"read a batch", 2}, {"load", 1}, {"step", 1}});
  }

  TEST_CASE("recorder: one recording at a time") {
    const ProfileRecording recording(kHost);
    CHECK(error_of([] { const ProfileRecording second(kHost); }).starts_with("profile: another recording"));
  }
}

}  // namespace cofactor::testing
