#include "losses/make_loss.h"

#include <doctest/doctest.h>

namespace cofactor {
namespace {

TEST_SUITE("unit") {
  TEST_CASE("make_loss: every name makes the loss of that name") {
    for (const std::string& name : loss_names()) CHECK(make_loss(name)->name() == name);
    CHECK(loss_names() == std::vector<std::string>{"ce", "dmi"});
  }

  TEST_CASE("make_loss: options reach the loss") {
    const DmiOptions options{.normalize = false, .epsilon = 0.001};
    const auto loss = make_loss("dmi", {.dmi = options});
    const auto* dmi_loss = dynamic_cast<const DmiLoss*>(loss.get());
    REQUIRE(dmi_loss != nullptr);
    CHECK(dmi_loss->options() == options);
    CHECK_THROWS_AS(make_loss("dmi", {.dmi = {.epsilon = -1.0}}), Error);
  }

  TEST_CASE("make_loss: an unknown name is an error that lists the known ones") {
    CHECK_THROWS_WITH_AS(make_loss("mae"), "make_loss: there is no method \"mae\", expected one of: ce, dmi", Error);
    CHECK_THROWS_AS(make_loss(""), Error);
  }
}

}  // namespace
}  // namespace cofactor
