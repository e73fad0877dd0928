#include "losses/make_loss.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "losses/backward_correction.h"
#include "losses/bootstrapping.h"
#include "losses/dmi.h"
#include "losses/forward_correction.h"
#include "losses/gce.h"
#include "losses/lccn.h"
#include "losses/symmetric_cross_entropy.h"

namespace cofactor {
namespace {

TEST_SUITE("unit") {
  TEST_CASE("make_loss: every name makes the loss of that name") {
    for (const std::string& name : loss_names()) CHECK(make_loss(name)->name() == name);
    const std::vector<std::string> names = loss_names(), paper = {"ce", "dmi", "gce", "fw", "lccn"};
    CHECK(std::set(names.begin(), names.end()).size() == names.size());
    REQUIRE(names.size() >= paper.size());
    CHECK(std::equal(paper.begin(), paper.end(), names.begin()));
  }

  TEST_CASE("make_loss: outputs are those of the true class where the loss cancels noise") {
    const std::set<std::string> cancelling = {"dmi", "fw", "bw", "lccn"};
    for (const std::string& name : loss_names()) {
      CAPTURE(name);
      CHECK((make_loss(name)->outputs() == Outputs::true_class) == cancelling.contains(name));
    }
  }

  TEST_CASE("make_loss: options reach the loss by their names") {
    const auto made = []<class T>(const char* name, const LossOptions& options, const T&) {
      auto* result = dynamic_cast<T*>(make_loss(name, options).release());
      REQUIRE(result != nullptr);
      return std::unique_ptr<T>(result);
    };
    CHECK(made("dmi", {}, DmiLoss())->options() == DmiOptions{});
    CHECK(made("dmi", {{"normalize", false}, {"epsilon", 0.001}}, DmiLoss())->options() ==
          DmiOptions{.normalize = false, .epsilon = 0.001});
    CHECK(made("dmi", {{"epsilon", 2}}, DmiLoss())->options().epsilon == 2.0);
    CHECK(made("gce", {{"q", 0.5}, {"truncation", 0.25}}, GceLoss())->options() ==
          GceOptions{.q = 0.5, .truncation = 0.25});
    CHECK(made("lccn", {{"warmup_steps", 3}, {"update_every", 2}, {"alpha", 0.5}}, LccnLoss())->options() ==
          LccnOptions{.warmup_steps = 3, .update_every = 2, .alpha = 0.5});
    CHECK(made("bootstrap-soft", {{"beta", 0.5}}, SoftBootstrapLoss())->options().beta == 0.5);
    CHECK(made("bootstrap-hard", {{"beta", 0.25}}, HardBootstrapLoss())->options().beta == 0.25);
    CHECK(made("sce", {{"alpha", 2.0}, {"beta", 3.0}, {"log_zero", -5}}, SymmetricCrossEntropyLoss())->options() ==
          SceOptions{.alpha = 2.0, .beta = 3.0, .log_zero = -5.0});
    const Transition t(2, {0.75, 0.25, 0.0, 1.0});
    CHECK(made("fw", {{"transition", t}}, ForwardCorrectionLoss())->transition() == t);
    CHECK(made("bw", {{"transition", t}}, BackwardCorrectionLoss())->transition() == t);
    for (const std::string name : {"fw", "bw"}) {
      CHECK(make_loss(name)->needs_training_outputs());
      CHECK_FALSE(make_loss(name, {{"transition", t}})->needs_training_outputs());
    }
  }

  TEST_CASE("make_loss: options that a loss does not have or of another type or range are errors") {
    CHECK_THROWS_WITH_AS(make_loss("dmi", {{"q", 0.5}}),
                         "dmi: there is no option \"q\", expected one of: normalize, epsilon, batch", Error);
    CHECK_THROWS_WITH_AS(make_loss("ce", {{"q", 0.5}}), "ce: there is no option \"q\", expected none", Error);
    CHECK_THROWS_WITH_AS(make_loss("dmi", {{"normalize", 1}}),
                         "dmi: the option \"normalize\" is a whole number, expected true or false", Error);
    CHECK_THROWS_WITH_AS(make_loss("lccn", {{"warmup_steps", 0.5}}),
                         "lccn: the option \"warmup_steps\" is a number, expected a whole number", Error);
    CHECK_THROWS_WITH_AS(make_loss("fw", {{"transition", 0.5}}),
                         "fw: the option \"transition\" is a number, expected a transition matrix", Error);
    CHECK_THROWS_WITH_AS(make_loss("dmi", {{"epsilon", -1.0}}), doctest::Contains("dmi: epsilon is -1"), Error);
  }

  TEST_CASE("make_loss: options are described with their defaults and names and flags do not collide") {
    CHECK(loss_options("ce").empty());
    std::map<std::string_view, std::string_view> help_of_flag;
    for (const std::string& name : loss_names()) {
      std::set<std::string_view> names;
      for (const LossOption& option : loss_options(name)) {
        CAPTURE(option.flag);
        CHECK(names.insert(option.name).second);
        CHECK(option.flag.starts_with("--"));
        CHECK(help_of_flag.emplace(option.flag, option.help).first->second == option.help);
        const bool has_default = !std::holds_alternative<std::monostate>(option.fallback);
        CHECK(has_default == option.no_value.empty());
        CHECK(value_of(name, option, {}) == option.fallback);
        if (has_default) CHECK_NOTHROW(make_loss(name, {{std::string(option.name), option.fallback}}));
      }
    }
    const std::vector<LossOption>& dmi = loss_options("dmi");
    REQUIRE(dmi.size() == 3);
    CHECK(dmi[0].name == "normalize");
    CHECK(dmi[0].flag == "--no-normalize");
    CHECK(dmi[0].fallback == OptionValue(true));
    CHECK(dmi[1].fallback == OptionValue(0.0));
    CHECK(dmi[2].flag == kLogicalBatchFlag);
    CHECK(dmi[2].only_if_set);
    CHECK_THROWS_AS(loss_options("magic"), Error);
  }

  TEST_CASE("make_loss: an unknown name is an error that lists the known ones") {
    CHECK_THROWS_WITH_AS(make_loss("magic"),
                         doctest::Contains("there is no method \"magic\", expected one of: ce, dmi, "), Error);
    CHECK_THROWS_AS(make_loss(""), Error);
  }
}

}  // namespace
}  // namespace cofactor
