#include "experiments/training/evaluate.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/experiments/process.h"
#include "tests/experiments/small_experiment.h"

using namespace cofactor;
using cofactor::testing::error_of;

namespace {

// Answers the two pixels themselves, or NaN for sample `broken`; notes the mode it was called in.
class Echo : public Module {
 public:
  explicit Echo(int64_t broken = -1) : broken_(broken) {}
  Tensor forward(const Tensor& x) override {
    was_training_ = training();
    std::vector<float> values = x.to_vector<float>();
    for (size_t i = 0; i < values.size(); i += 2) {
      if (seen_++ == broken_) values[i + 1] = NAN;
    }
    return Tensor::from(values, Shape{x.dim(0), 2}, x.device());
  }
  bool was_training() const { return was_training_; }

 private:
  int64_t broken_, seen_ = 0;
  bool was_training_ = true;
};

LoaderOptions sequential(int64_t batch) {
  return {.batch_size = batch, .sampler = SamplerKind::sequential, .device = Device::reference};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("evaluate: predictions are those of all samples in order whatever the batch in evaluation mode") {
    const Split split = make_split(cofactor::testing::small_points(23), 0, 23);
    Echo model;
    Loader small(split, sequential(5)), whole(split, sequential(100));
    const Predictions a = predict(model, small, "test"), b = predict(model, whole, "test");
    CHECK(!model.was_training());
    CHECK(model.training());
    CHECK(a.logits.shape() == Shape{23, 2});
    CHECK(a.logits.to_vector<float>() == b.logits.to_vector<float>());
    CHECK(a.batch.host_labels == split.labels);
    CHECK(a.batch.labels.to_vector<int32_t>() == split.labels);
    CHECK(a.batch.indices == split.indices);
    CHECK(confusion(a).accuracy() == 100.0);
  }

  TEST_CASE("evaluate: an output that is not finite is an error that names the sample and the split") {
    const Split split = make_split(cofactor::testing::small_points(23), 0, 23);
    Echo model(17);
    Loader loader(split, sequential(5));
    CHECK(error_of([&] { predict(model, loader, "validation"); }) ==
          "the network's output for sample 17 of the validation set is nan");
  }

  TEST_CASE("evaluate: accuracies of a confusion by hand") {
    // Rows are answers, columns labels: 4 + 3 of 20 right.
    const Confusion counts{2, {4, 12, 1, 3}};
    CHECK(counts.total() == 20);
    CHECK(counts.accuracy() == 35.0);
    CHECK(counts.best_permutation_accuracy() == 65.0);
    CHECK(counts.constant_accuracy(0) == 25.0);
    CHECK(counts.constant_accuracy(1) == 75.0);
  }

  TEST_CASE("evaluate: the best renaming is found among all of them") {
    // Answer 0 means label 2, 1 means 0, 2 means 1; greedy by the largest cell (0, 0) would miss it.
    const Confusion counts{3, {9, 0, 8, 8, 0, 0, 0, 8, 0}};
    CHECK(counts.best_permutation_accuracy() == doctest::Approx(100.0 * 24 / 33));
    // Ten classes, shifted by one, as a class-blind loss may leave them.
    Confusion shifted{10, std::vector<int64_t>(100, 0)};
    for (int64_t c = 0; c < 10; ++c) shifted.counts[static_cast<size_t>(c * 10 + (c + 1) % 10)] = 7;
    CHECK(shifted.accuracy() == 0.0);
    CHECK(shifted.best_permutation_accuracy() == 100.0);
    CHECK(looks_permuted(shifted));
  }

  TEST_CASE("evaluate: exchanged classes are told from right ones and from a constant answer") {
    CHECK(looks_permuted({2, {2, 98 * 9, 98, 2 * 9}}));
    CHECK(!looks_permuted({2, {98, 2 * 9, 2, 98 * 9}}));
    CHECK(!looks_permuted({2, {100, 900, 0, 0}}));  // always "bag": 10%, renamed 90%, but it knows nothing
  }
}
