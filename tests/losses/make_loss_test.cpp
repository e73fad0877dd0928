#include "losses/make_loss.h"

#include <doctest/doctest.h>

#include "losses/backward_correction.h"
#include "losses/forward_correction.h"

namespace cofactor {
namespace {

TEST_SUITE("unit") {
  TEST_CASE("make_loss: every name makes the loss of that name") {
    for (const std::string& name : loss_names()) CHECK(make_loss(name)->name() == name);
    CHECK(loss_names() == std::vector<std::string>{"ce", "dmi", "gce", "fw", "lccn", "bw", "mae", "bootstrap-soft",
                                                   "bootstrap-hard", "sce"});
  }

  TEST_CASE("make_loss: options reach the loss") {
    const DmiOptions options{.normalize = false, .epsilon = 0.001};
    const auto loss = make_loss("dmi", {.dmi = options});
    const auto* dmi_loss = dynamic_cast<const DmiLoss*>(loss.get());
    REQUIRE(dmi_loss != nullptr);
    CHECK(dmi_loss->options() == options);
    CHECK_THROWS_AS(make_loss("dmi", {.dmi = {.epsilon = -1.0}}), Error);

    const LossOptions others{.gce = {.q = 0.5},
                             .transition = Transition(2, {0.75, 0.25, 0.0, 1.0}),
                             .lccn = {.warmup_steps = 3},
                             .bootstrap = {.soft_beta = 0.5, .hard_beta = 0.25},
                             .sce = {.alpha = 2.0}};
    const auto made = [&]<class T>(const char* name, const T&) {
      auto* result = dynamic_cast<T*>(make_loss(name, others).release());
      REQUIRE(result != nullptr);
      return std::unique_ptr<T>(result);
    };
    CHECK(made("gce", GceLoss())->options() == others.gce);
    CHECK(made("fw", ForwardCorrectionLoss())->transition() == others.transition);
    CHECK(made("bw", BackwardCorrectionLoss())->transition() == others.transition);
    CHECK(made("lccn", LccnLoss())->options() == others.lccn);
    CHECK(made("bootstrap-soft", SoftBootstrapLoss())->beta() == 0.5);
    CHECK(made("bootstrap-hard", HardBootstrapLoss())->beta() == 0.25);
    CHECK(made("sce", SymmetricCrossEntropyLoss())->options() == others.sce);
    CHECK(make_loss("fw")->needs_training_outputs());
    CHECK_FALSE(make_loss("fw", others)->needs_training_outputs());
  }

  TEST_CASE("make_loss: an unknown name is an error that lists the known ones") {
    CHECK_THROWS_WITH_AS(make_loss("magic"),
                         doctest::Contains("there is no method \"magic\", expected one of: ce, dmi, "), Error);
    CHECK_THROWS_AS(make_loss(""), Error);
  }
}

}  // namespace
}  // namespace cofactor
