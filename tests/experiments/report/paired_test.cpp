#include "experiments/report/paired.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/experiments/report/example_runs.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

TEST_SUITE("unit") {
  TEST_CASE("paired: mean difference and its standard error over the seeds that both have") {
    // Differences over the seeds 1, 2, 3: -1, -2, -3. The seed 4 has no ce, the seed 5 no dmi.
    const std::vector<Result> results = {full_run("ce", 1, 99.0),  full_run("ce", 2, 98.0),  full_run("ce", 3, 97.0),
                                         full_run("dmi", 3, 94.0), full_run("dmi", 1, 98.0), full_run("dmi", 2, 96.0),
                                         full_run("dmi", 4, 10.0), full_run("ce", 5, 20.0)};
    const std::vector<PairedDifference> pairs = paired_differences(results);
    REQUIRE(pairs.size() == 1);
    CHECK(pairs[0].method == "dmi");
    CHECK(pairs[0].other == "ce");
    CHECK(pairs[0].seeds == 3);
    CHECK(pairs[0].mean == doctest::Approx(-2.0));
    CHECK(pairs[0].standard_error == doctest::Approx(1.0 / std::sqrt(3.0)));
    CHECK(contains(format_paired(pairs), "-2.00,  0.58"));
    CHECK(contains(paired_csv(pairs), "fashion_mnist,clothes-to-bags,0.2,dmi,ce,3,-2.0000,0.5774\n"));
  }

  TEST_CASE("paired: every pair of a rate and none across rates") {
    const std::vector<Result> results = {full_run("ce", 1, 99.0), full_run("dmi", 1, 98.0), full_run("gce", 1, 97.0),
                                         full_run("ce", 1, 90.0, 0.5)};
    const std::vector<PairedDifference> pairs = paired_differences(results);
    REQUIRE(pairs.size() == 3);
    CHECK(std::ranges::all_of(pairs, [](const PairedDifference& pair) { return pair.rate == 0.2; }));
    CHECK(paired_differences({results[3]}).empty());
    CHECK(format_paired({}).empty());
  }

  TEST_CASE("paired: one seed has no standard error and none no difference") {
    const std::string one = paired_csv(paired_differences({full_run("ce", 1, 99.0), full_run("dmi", 1, 98.5)}));
    CHECK(contains(one, ",1,-0.5000,\n"));
    const auto none = paired_differences({full_run("ce", 1, 99.0), full_run("dmi", 2, 98.5)});
    CHECK(contains(paired_csv(none), ",0,,\n"));
    CHECK(contains(format_paired(none), "no common seed"));
  }

  TEST_CASE("paired: runs of different data are not held against each other") {
    const auto pairs = paired_differences({full_run("ce", 1, 99.0), full_run("dmi", 1, 98.0, 0.2, "other")});
    REQUIRE(pairs.size() == 1);
    CHECK(pairs[0].seeds == 0);
  }
}
