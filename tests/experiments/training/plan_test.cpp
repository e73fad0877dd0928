#include "experiments/training/plan.h"

#include <doctest/doctest.h>

using namespace cofactor;

TEST_SUITE("unit") {
  TEST_CASE("plan: a factor of the epochs moves the epochs at which the rate changes too") {
    TrainingPlan plan = sgd_plan(0.1, 120);
    plan.lr_steps = {{40, 0.01}, {80, 0.001}};
    const TrainingPlan shorter = with_epoch_factor(plan, 0.35);
    CHECK(shorter.epochs == 42);
    REQUIRE(shorter.lr_steps.size() == 2);
    CHECK(shorter.lr_steps[0].epoch == 14);
    CHECK(shorter.lr_steps[1].epoch == 28);
    CHECK(shorter.lr_steps[1].lr == 0.001);
    CHECK(shorter.lr == 0.1);
    CHECK(with_epoch_factor(plan, 1.0).epochs == 120);
    CHECK(with_epoch_factor(plan, 0.001).epochs == 1);
  }
}
