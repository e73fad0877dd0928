// Training under class-conditional noise: what each loss makes of it.
#include "losses/backward_correction.h"
#include "losses/cross_entropy.h"
#include "losses/forward_correction.h"
#include "losses/lccn.h"
#include "tests/losses/blobs.h"

namespace cofactor {
namespace {

using namespace testing;

// Diagonally non-dominant: class 0 is labelled 1 more often than 0.
const std::vector<double> kHiding{0.4, 0.6, 0.0, 0.0, 0.9, 0.1, 0.2, 0.0, 0.8};
// Every class keeps its label most often.
const std::vector<double> kMild{0.7, 0.3, 0.0, 0.0, 0.8, 0.2, 0.25, 0.0, 0.75};

double farthest(const Transition& t, const std::vector<double>& expected) {
  double distance = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) distance = std::max(distance, std::abs(t.values()[i] - expected[i]));
  return distance;
}

TEST_SUITE("unit") {
  TEST_CASE("corrections with the true matrix recover the clean classifier where cross entropy loses a class") {
    const Blobs blobs(3000, kHiding, 1), unseen(3000, kHiding, 2);
    const auto accuracy_of = [&](Loss& loss, const std::vector<int32_t>& labels) {
      LinearClassifier model;
      Batch batch = blobs.all();
      batch.labels = label_tensor(labels);
      train(model, loss, batch, 150);
      return model.accuracy(unseen.inputs, unseen.clean);
    };
    CrossEntropyLoss ce;
    const double clean = accuracy_of(ce, blobs.clean), noisy = accuracy_of(ce, blobs.noisy);
    CHECK(clean > 0.97);
    CHECK(noisy < 0.8);
    const Transition truth(3, kHiding);
    ForwardCorrectionLoss forward({.transition = truth});
    CHECK(accuracy_of(forward, blobs.noisy) > clean - 0.01);
    BackwardCorrectionLoss backward({.transition = truth});
    CHECK(accuracy_of(backward, blobs.noisy) > clean - 0.03);  // unbounded below: it fits the sample
  }

  TEST_CASE("forward correction: estimated from the noisy posterior the matrix is the true one and serves as well") {
    const Blobs blobs(3000, kHiding, 3), unseen(3000, kHiding, 4);
    const Batch batch = blobs.all();
    const std::vector<double> clean = softmax_rows(blobs.bayes_logits(), 3);
    std::vector<double> noisy(clean.size(), 0.0);  // log Pr[y | x]
    for (size_t i = 0; i < clean.size(); i += 3)
      for (size_t y = 0; y < 3; ++y) {
        for (size_t c = 0; c < 3; ++c) noisy[i + y] += clean[i + c] * kHiding[3 * c + y];
        noisy[i + y] = std::log(noisy[i + y]);
      }
    ForwardCorrectionLoss forward;
    forward.prepare(Tensor::from(noisy, {3000, 3}, Device::reference), batch);
    CHECK(farthest(*forward.transition(), kHiding) < 1e-3);  // some samples are of their class almost certainly
    LinearClassifier model;
    train(model, forward, batch, 150);
    CHECK(model.accuracy(unseen.inputs, unseen.clean) > 0.97);
  }

  TEST_CASE("lccn: the counted matrix comes to be the true one and the classifier the clean one") {
    const Blobs blobs(3000, kMild, 5), unseen(3000, kMild, 6);
    LinearClassifier model;
    CrossEntropyLoss ce;
    const Batch all = blobs.all();
    train(model, ce, all, 100);

    LccnLoss lccn({.warmup_steps = 60, .update_every = 20});
    lccn.prepare(model(all.inputs).detach(), all);
    const double soft = farthest(*lccn.transition(), kMild);
    const double before = lccn.evaluate(model(all.inputs), all).item();
    Adam optimizer(model.parameters(), {.lr = 0.02});
    constexpr int64_t kBatch = 100;
    for (uint64_t step = 0; step < 900; ++step)
      train_step(model, optimizer, lccn, blobs.batch(static_cast<int64_t>(step) % 30 * kBatch, kBatch), step);
    const double counted = farthest(*lccn.transition(), kMild);
    CHECK(soft > 0.1);
    CHECK(counted < 0.05);
    CHECK(lccn.evaluate(model(all.inputs), all).item() < before);
    CHECK(model.accuracy(unseen.inputs, unseen.clean) > 0.96);
  }
}

}  // namespace
}  // namespace cofactor
