#include "experiments/labels/amend.h"

#include <doctest/doctest.h>

#include "data/image_array.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Samples 5, 3, 1 are for training, with labels 0, 1, 0, and 2, 4 for validation.
struct Amending {
  std::shared_ptr<const Dataset> data =
      std::make_shared<ImageArray>(std::vector<uint8_t>(6), Shape{1, 1, 1}, std::vector<int32_t>(6), 3,
                                   std::vector<float>{0.0f}, std::vector<float>{1.0f});
  NoisyData given{{data, {5, 3, 1}, {0, 1, 0}}, {data, {2, 4}, {2, 1}}};
  RunLabels judged;
  Verdict verdict{.errors = {.transition = Transition::identity(3),
                             .judgement = {.quality = {}, .joint = LabelJoint(3, std::vector<double>(9, 1.0))},
                             .wrong = {},
                             .suspect = {}},
                  .quality = {},
                  .suspect = {0, 0, 1, 1, 0},
                  .predicted = {},
                  .suggested = {kMissingLabel, kMissingLabel, 2, 0, kMissingLabel}};

  Amending() {
    // In the order of the data: 1, 2, 3, 4, 5. Suspects are 3 and 4.
    for (int64_t i = 1; i <= 5; ++i) judged.samples.push_back({data.get(), i});
    judged.labels.part = {SamplePart::training, SamplePart::validation, SamplePart::training, SamplePart::validation,
                          SamplePart::training};
  }
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("amend: suspects are dropped from both parts") {
    const Amending a;
    const NoisyData less = amended(a.given, a.judged, a.verdict, Amendment::drop_suspects);
    CHECK(less.train.indices == std::vector<int64_t>{5, 1});
    CHECK(less.train.labels == std::vector<int32_t>{0, 0});
    CHECK(less.validation.indices == std::vector<int64_t>{2});
    CHECK(less.validation.labels == std::vector<int32_t>{2});
    CHECK(less.train.data == a.data);
  }

  TEST_CASE("amend: suspects get the label that is suggested") {
    const Amending a;
    const NoisyData other = amended(a.given, a.judged, a.verdict, Amendment::relabel);
    CHECK(other.train.indices == a.given.train.indices);
    CHECK(other.train.labels == std::vector<int32_t>{0, 2, 0});
    CHECK(other.validation.labels == std::vector<int32_t>{2, 0});
  }

  TEST_CASE("amend: a sample that was not judged is an error") {
    Amending a;
    a.judged.labels.part[2] = SamplePart::test;
    CHECK(contains(error_of([&] { amended(a.given, a.judged, a.verdict, Amendment::relabel); }),
                   "sample 3 of the training part was not judged"));
  }
}
