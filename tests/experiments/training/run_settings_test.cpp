#include "experiments/training/run_settings.h"

#include <doctest/doctest.h>

#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::error_of;

namespace {

std::string difference(const std::string& found, const std::string& expected) {
  return error_of([&] { check_same_settings(found, expected, "it"); });
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("run settings: a difference is named with the flag that decides it") {
    CHECK(difference(R"({"epochs":2})", R"({"epochs":2})").empty());
    CHECK(difference(R"({"a":1,"b":2})", R"({"b":2,"a":1})").empty());  // whatever the order
    CHECK(contains(difference(R"({"pretraining":{"lr":1}})", R"({"pretraining":{"lr":2}})"),
                   "it was made with other settings (pretraining/lr 1 there, 2 asked for [--pretrain-lr])"));
    CHECK(contains(difference(R"({"finetuning":{"lr_steps":[[1,2]]}})", R"({"finetuning":{"lr_steps":[[1,3]]}})"),
                   "finetuning/lr_steps/0/1 2 there, 3 asked for [--lr]"));
    CHECK(contains(difference(R"({"pretraining":{"batch_size":1}})", R"({"pretraining":{"batch_size":2}})"),
                   "[--batch-size]"));
    // An experiment's own flags need no table.
    CHECK(contains(difference(R"({"options":{"word_order":1}})", R"({"options":{"word_order":2}})"), "[--word-order]"));
    CHECK(contains(difference(R"({"options":{"augmentation":true}})", R"({"options":{"augmentation":false}})"),
                   "[--no-augmentation]"));
    CHECK(contains(difference(R"({"experiment":"a"})", R"({"experiment":"b"})"), "\"b\" asked for)"));
  }

  TEST_CASE("run settings: what cross-fitting and an amendment are asked for with is named") {
    CHECK(contains(difference(R"({"fold":{"number":1,"of":3}})", R"({"fold":{"number":1,"of":4}})"),
                   "fold/of 3 there, 4 asked for [--folds]"));
    const std::string amended =
        difference("{}", R"({"amended":{"by":"relabel","judge":"ce","folds":3,"quality":"q"}})");
    for (const char* part : {"\"relabel\" asked for [--drop-suspects or --relabel]", "\"ce\" asked for [--judge]",
                             "3 asked for [--folds]", "\"q\" asked for [--quality]"})
      CHECK(contains(amended, part));
    CHECK(contains(difference(R"({"options":{"hidden":"8"}})", R"({"options":{"hidden":"9"}})"), "[--hidden]"));
    CHECK(contains(difference(R"({"options":{"model":"mlp"}})", R"({"options":{"model":"linear"}})"), "[--model]"));
  }

  TEST_CASE("run settings: an option of a loss is named with the flag of its method") {
    const auto options = [](const std::string& method, const std::string& option, int value) {
      return fmt::format(R"({{"method":"{}","loss":{{"{}":{}}}}})", method, option, value);
    };
    CHECK(contains(difference(options("lccn", "alpha", 1), options("lccn", "alpha", 2)), "[--lccn-alpha]"));
    CHECK(contains(difference(options("sce", "alpha", 1), options("sce", "alpha", 2)), "[--sce-alpha]"));
    CHECK(contains(difference(options("dmi", "normalize", 1), options("dmi", "normalize", 0)), "[--no-normalize]"));
    CHECK(contains(difference(options("magic", "alpha", 1), options("magic", "alpha", 2)), "2 asked for)"));
  }

  TEST_CASE("run settings: inputs are compared apart from flags") {
    const std::string base = R"({"epochs":2,"data":{"train":{"labels":"a"}},"test":{"content":"t"}})";
    const std::string relabelled = R"({"epochs":2,"data":{"train":{"labels":"b"}},"test":{"content":"t"}})";
    const std::string retested = R"({"epochs":2,"data":{"train":{"labels":"a"}},"test":{"content":"u"}})";
    CHECK(compare_inputs(base, base) == Inputs::same);
    CHECK(compare_inputs(relabelled, base) == Inputs::other);
    CHECK(compare_inputs(retested, base) == Inputs::other_test);
    CHECK(compare_inputs("{}", base) == Inputs::unknown);
    CHECK(error_of([&] { check_same_flags(relabelled, base, "it"); }).empty());
    CHECK(contains(error_of([&] { check_same_flags(R"({"epochs":3,"data":{"train":{}}})", base, "it"); }),
                   "epochs 3 there, 2 asked for [--epochs]"));
  }
}
