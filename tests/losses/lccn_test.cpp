#include "losses/lccn.h"

#include <map>
#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "losses/cross_entropy.h"
#include "losses/forward_correction.h"
#include "tests/losses/blobs.h"

namespace cofactor {
namespace {

using namespace testing;

const std::vector<double> kNoise{0.7, 0.3, 0.0, 0.0, 0.8, 0.2, 0.25, 0.0, 0.75};

// Four samples, far apart in their data set, and what a network says of them: classes 0, 1, 1, 0 are most probable.
struct Four {
  std::vector<int32_t> labels{0, 1, 0, 1};
  Batch batch{.inputs = {}, .labels = label_tensor(labels), .host_labels = labels, .indices = {1000000007, 3, 12, 5}};
  std::vector<double> p{0.75, 0.25, 0.25, 0.75, 0.125, 0.875, 0.5, 0.5};
  Tensor logits = [this] {
    std::vector<double> z;
    for (const double value : p) z.push_back(std::log(value));
    return Tensor::from(z, {4, 2}, Device::reference);
  }();
};

// The drawn latent labels: where the gradient (p - one-hot) / N is negative.
std::vector<int32_t> drawn(LccnLoss& loss, const Tensor& logits, const Batch& batch) {
  const auto gradient = gradient_by_logits<double>([&](const Tensor& z) { return loss(z, batch); }, logits);
  const auto classes = static_cast<size_t>(logits.dim(1));
  std::vector<int32_t> latent;
  for (size_t i = 0; i < gradient.size(); i += classes)
    latent.push_back(
        static_cast<int32_t>(std::min_element(gradient.begin() + static_cast<std::ptrdiff_t>(i),
                                              gradient.begin() + static_cast<std::ptrdiff_t>(i + classes)) -
                             (gradient.begin() + static_cast<std::ptrdiff_t>(i))));
  return latent;
}

std::map<std::string, std::vector<double>> values_by_name(const std::vector<NamedTensor>& state) {
  std::map<std::string, std::vector<double>> result;
  for (const auto& [name, tensor] : state) {
    if (tensor.dtype() == DType::i32) {
      const auto values = tensor.to_vector<int32_t>();
      result[name].assign(values.begin(), values.end());
    } else {
      result[name] = tensor.to_vector<double>();
    }
  }
  return result;
}

TEST_SUITE("gradient") {
  TEST_CASE("lccn: for given draws and in evaluation gradients agree with central differences") {
    const Blobs blobs(12, kNoise, 10);
    const Batch batch = blobs.all();
    const Tensor logits = informative_tensor(blobs.noisy, 3, 1.0, 200);
    LccnLoss loss;
    loss.prepare(logits, batch);
    // Central differences move the weights of the draw by 1e-5; no draw of this key lies that near to a border.
    loss.set_random(1, 2);
    check_gradients([&](const auto& in) { return loss(in[0], batch); }, {logits});
  }

  TEST_CASE("lccn: over many draws the mean gradient is forward correction's") {
    const auto labels = cycling_labels(6, 3);
    const Batch batch{
        .inputs = {}, .labels = label_tensor(labels), .host_labels = labels, .indices = {0, 1, 2, 3, 4, 5}};
    const Tensor logits = informative_tensor(labels, 3, 0.5, 201);
    LccnLoss loss;
    loss.prepare(logits, batch);
    constexpr int kDraws = 4000;
    std::vector<double> mean(18, 0.0);
    for (uint64_t step = 0; step < kDraws; ++step) {
      loss.set_random(9, step);
      const auto gradient = gradient_by_logits<double>([&](const Tensor& z) { return loss(z, batch); }, logits);
      for (size_t i = 0; i < mean.size(); ++i) mean[i] += gradient[i] / kDraws;
    }
    const auto expected = gradient_by_logits<double>(
        [&](const Tensor& z) { return forward_correction(z, batch.labels, *loss.transition()); }, logits);
    // An entry is a mean of draws in {p, p - 1} / 6: five standard deviations are at most 5 / (2 sqrt 4000) / 6.
    for (size_t i = 0; i < mean.size(); ++i) CHECK(std::abs(mean[i] - expected[i]) < 0.0066);
  }
}

TEST_SUITE("unit") {
  TEST_CASE("latent labels: counts follow the last labels and rows are normalised with alpha") {
    LatentLabels latent(2);
    latent.set(7, 0, 1);
    latent.set(1000000007, 1, 1);
    CHECK(latent.transition(1.0).values() == std::vector<double>{0.5, 0.5, 0.5, 0.5});
    latent.set(7, 0, 0);
    CHECK(latent.samples() == 2);
    CHECK(latent.count(0, 0) == 1);
    CHECK(latent.count(1, 0) == 0);
    CHECK(latent.count(1, 1) == 1);
    CHECK(latent.transition(1.0).values() == std::vector<double>{2.0 / 3, 1.0 / 3, 1.0 / 3, 2.0 / 3});
    CHECK(latent.transition(0.25).at(0, 0) == doctest::Approx(1.25 / 1.5).epsilon(1e-15));
    CHECK_THROWS_WITH_AS(latent.set(7, 1, 0), doctest::Contains("sample 7 has the noisy label 1, but had 0"), Error);
    CHECK_THROWS_WITH_AS(latent.set(8, 0, 2), doctest::Contains("the latent label 2"), Error);
    CHECK_THROWS_WITH_AS(latent.set(8, -1, 0), doctest::Contains("the noisy label -1"), Error);
    CHECK_THROWS_WITH_AS(latent.set(-1, 0, 0), doctest::Contains("sample -1"), Error);
    CHECK_THROWS_WITH_AS(latent.set(int64_t{1} << 31, 0, 0), doctest::Contains("2147483648"), Error);
  }

  TEST_CASE("lccn: prepare takes soft counts for the warm-up and the most probable classes as labels") {
    const Four four;
    LccnLoss loss({.warmup_steps = 5, .update_every = 2, .alpha = 0.5});
    CHECK(loss.needs_training_outputs());
    CHECK(loss.state().empty());
    loss.prepare(four.logits, four.batch);
    // Class 0: 0.75 + 0.125 with label 0, 0.25 + 0.5 with label 1. Class 1: 1.125 and 1.25.
    const std::vector<double> expected{1.375 / 2.625, 1.25 / 2.625, 1.625 / 3.375, 1.75 / 3.375};
    CHECK(largest_difference(loss.transition()->values(), expected) < 1e-14);
    auto state = values_by_name(loss.state());
    CHECK(state["indices"] == std::vector<double>{1000000007, 3, 12, 5});
    CHECK(state["noisy_labels"] == std::vector<double>{0, 1, 0, 1});
    CHECK(state["latent_labels"] == std::vector<double>{0, 1, 1, 0});
    CHECK(state["steps"] == std::vector<double>{0});
  }

  TEST_CASE("lccn: parts of a batch draw the labels of the whole") {
    const auto labels = cycling_labels(10, 3);
    std::vector<int64_t> indices(10);
    std::iota(indices.begin(), indices.end(), 100);
    const auto part = [&](int64_t first, int64_t count) {
      const auto cut = [=](const auto& all) { return std::vector(all.begin() + first, all.begin() + first + count); };
      return Batch{.inputs = {},
                   .labels = Tensor::from(cut(labels), {count}, Device::reference),
                   .host_labels = cut(labels),
                   .indices = cut(indices)};
    };
    for (const Device device : available_devices())
      for (const DType dtype : {DType::f32, DType::f64}) {
        const Tensor logits = cast(informative_tensor(labels, 3, 0.3, 202), dtype).to(device);
        const auto on_device = [&](Batch batch) {
          batch.labels = batch.labels.to(device);
          return batch;
        };
        LccnLoss loss;
        loss.prepare(logits, on_device(part(0, 10)));
        // Where the gradient is negative, which is at the drawn label.
        const auto signs = [&](int64_t first, int64_t count, int64_t first_sample) {
          Tensor rows = slice(logits, 0, first, count).clone();
          rows.set_requires_grad(true);
          loss.set_random(6, 2, first_sample);
          backward(loss(rows, on_device(part(first, count))));
          std::vector<bool> negative;
          for (const double g : cast(rows.grad(), DType::f64).to_vector<double>()) negative.push_back(g < 0.0);
          return negative;
        };
        const std::vector<bool> whole = signs(0, 10, 0);
        std::vector<bool> joined;
        for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 3}, {3, 1}, {4, 6}}) {
          const std::vector<bool> drawn_here = signs(first, count, first);
          joined.insert(joined.end(), drawn_here.begin(), drawn_here.end());
        }
        CHECK(joined == whole);
        CHECK(signs(0, 10, 5) != whole);
      }
    LccnLoss loss;
    CHECK_THROWS_WITH_AS(loss.set_random(1, 1, -1), "lccn: the first sample has number -1, expected at least 0", Error);
  }

  TEST_CASE("lccn: a label is drawn by output times transition column and the loss is cross entropy on it") {
    const Four four;
    LccnLoss loss;
    loss.prepare(four.logits, four.batch);
    for (const uint64_t step : {0u, 1u, 2u, 3u, 4u}) {
      loss.set_random(11, step);
      const std::vector<int32_t> latent = drawn(loss, four.logits, four.batch);
      const RandomKey key{.seed = 11, .purpose = Purpose::latent, .index = 0, .step = step};
      for (size_t i = 0; i < 4; ++i) {
        const double first = four.p[2 * i] * loss.transition()->at(0, four.labels[i]);
        const double second = four.p[2 * i + 1] * loss.transition()->at(1, four.labels[i]);
        CHECK(latent[i] == (unit_float(random_word(key, i)) < first / (first + second) ? 0 : 1));
      }
      CHECK(loss(four.logits, four.batch).item() == cross_entropy(four.logits, label_tensor(latent)).item());
    }
  }

  TEST_CASE("lccn: the matrix is counted at the end of the warm-up and every so many steps after it") {
    const Four four;
    LccnLoss loss({.warmup_steps = 5, .update_every = 2});
    loss.prepare(four.logits, four.batch);
    const Transition soft = *loss.transition();
    Transition current = soft;
    LatentLabels counted(2);
    for (uint64_t step = 1; step <= 12; ++step) {
      loss.set_random(12, step);
      const std::vector<int32_t> latent = drawn(loss, four.logits, four.batch);
      for (size_t i = 0; i < 4; ++i) counted.set(four.batch.indices[i], four.labels[i], latent[i]);
      loss.step_done(four.batch);
      if (step >= 5 && (step - 5) % 2 == 0) current = counted.transition(1.0);
      CAPTURE(step);
      CHECK(*loss.transition() == current);
      CHECK((*loss.transition() == soft) == (step < 5));
    }
  }

  TEST_CASE("lccn: samples that were not drawn yet count with their most probable class") {
    const Four four;
    LccnLoss loss({.warmup_steps = 0, .update_every = 1});
    loss.prepare(four.logits, four.batch);
    Batch part{.inputs = {}, .labels = label_tensor({1}), .host_labels = {1}, .indices = {3}};
    const Tensor sure = Tensor::from(std::vector<double>{1000.0, -1000.0}, {1, 2}, Device::reference);
    loss(sure, part);
    loss.step_done(part);
    // Latent 0, 0, 1, 0 with noisy labels 0, 1, 0, 1.
    CHECK(loss.transition()->values() == std::vector<double>{2.0 / 5, 3.0 / 5, 2.0 / 3, 1.0 / 3});
    part.indices = {77};  // a sample that prepare has not seen
    loss(sure, part);
    loss.step_done(part);
    CHECK(loss.transition()->values() == std::vector<double>{2.0 / 6, 4.0 / 6, 2.0 / 3, 1.0 / 3});
  }

  TEST_CASE("lccn: a saved and resumed run is the uninterrupted one bit by bit") {
    const Blobs blobs(60, kNoise, 11);
    const Batch all = blobs.all();
    constexpr LccnOptions kOptions{.warmup_steps = 7, .update_every = 3};
    // Batches of 16, 16, 16 and 12 samples.
    const auto batch_at = [&](uint64_t step) {
      const auto first = static_cast<int64_t>(step % 4) * 16;
      return blobs.batch(first, std::min<int64_t>(16, 60 - first));
    };
    for (const uint64_t cut : {0u, 2u, 7u, 8u, 13u}) {
      CAPTURE(cut);
      LinearClassifier model, other;
      LccnLoss loss(kOptions), resumed(kOptions);
      loss.prepare(model(all.inputs).detach(), all);
      const auto steps = [&](LinearClassifier& with, LccnLoss& by, uint64_t begin, uint64_t end) {
        for (uint64_t step = begin; step < end; ++step) {
          Sgd optimizer(with.parameters(), {.lr = 0.3});
          train_step(with, optimizer, by, batch_at(step), step);
        }
      };
      steps(model, loss, 0, cut);
      const std::vector<NamedTensor> saved = loss.state();
      other.copy_from(model);
      resumed.load_state(saved);
      steps(model, loss, cut, 20);
      steps(other, resumed, cut, 20);
      CHECK(values_by_name(resumed.state()) == values_by_name(loss.state()));
      CHECK(other(all.inputs).to_vector<double>() == model(all.inputs).to_vector<double>());
      CHECK(resumed.evaluate(other(all.inputs), all).item() == loss.evaluate(model(all.inputs), all).item());
      CHECK(values_by_name(saved)["steps"] == std::vector<double>{static_cast<double>(cut)});
    }
  }

  TEST_CASE("lccn: evaluation is the noisy labels' likelihood for any number of samples and changes nothing") {
    const Four four;
    LccnLoss loss;
    loss.prepare(four.logits, four.batch);
    const auto before = values_by_name(loss.state());
    const auto labels = cycling_labels(7, 2);
    const auto values = informative_logits<float>(labels, 2, 1.0, 210);
    const Batch batch{.inputs = {}, .labels = label_tensor(labels), .host_labels = labels, .indices = {}};
    const Tensor wide = Tensor::from(std::vector<double>(values.begin(), values.end()), {7, 2}, Device::reference);
    const auto p = softmax_rows(wide.to_vector<double>(), 2);
    double expected = 0.0;
    for (size_t i = 0; i < 7; ++i)
      expected -= std::log(p[2 * i] * loss.transition()->at(0, labels[i]) +
                           p[2 * i + 1] * loss.transition()->at(1, labels[i])) /
                  7.0;
    CHECK(loss.evaluate(wide, batch).item() == doctest::Approx(expected).epsilon(1e-14));
    for (const Device device : available_devices()) {
      const Batch there{.inputs = {},
                        .labels = label_tensor(labels, device),
                        .host_labels = labels,
                        .indices = {0, 1, 2, 3, 4, 5, 6}};
      const Tensor narrow = Tensor::from(values, {7, 2}, device);
      CHECK(loss.evaluate(narrow, there).item() == doctest::Approx(expected).epsilon(1e-6));
      loss.set_random(1, 1);
      CHECK(std::isfinite(loss(narrow, there).item()));  // in f32, on this device
    }
    CHECK(values_by_name(loss.state()) == before);
  }

  TEST_CASE("lccn: more steps than are kept on the device give the same counts") {
    const Four four;
    LccnLoss rare({.warmup_steps = 400, .update_every = 1}), often({.warmup_steps = 0, .update_every = 400});
    for (LccnLoss* loss : {&rare, &often}) {
      loss->prepare(four.logits, four.batch);
      for (uint64_t step = 0; step < 400; ++step) {
        loss->set_random(13, step);
        (*loss)(four.logits, four.batch);
        loss->step_done(four.batch);
      }
    }
    CHECK(*rare.transition() == *often.transition());
  }

  TEST_CASE("lccn: errors name what does not fit and its values") {
    CHECK_THROWS_WITH_AS(LccnLoss({.warmup_steps = -1}), doctest::Contains("-1 warm-up steps"), Error);
    CHECK_THROWS_WITH_AS(LccnLoss({.update_every = 0}), doctest::Contains("every 0 steps"), Error);
    for (const double alpha : {0.0, -1.0, static_cast<double>(NAN)})
      CHECK_THROWS_WITH_AS(LccnLoss({.alpha = alpha}), doctest::Contains("alpha is"), Error);
    const Four four;
    LccnLoss loss;
    CHECK_THROWS_WITH_AS(loss(four.logits, four.batch), doctest::Contains("prepare()"), Error);
    CHECK_THROWS_WITH_AS(loss.evaluate(four.logits, four.batch), doctest::Contains("prepare()"), Error);
    Tensor bad = four.logits.clone();
    bad.data<double>()[5] = NAN;
    CHECK_THROWS_WITH_AS(loss.prepare(bad, four.batch), doctest::Contains("sample 2 for class 0 is nan"), Error);
    Batch without = four.batch;
    without.indices.pop_back();
    CHECK_THROWS_WITH_AS(loss.prepare(four.logits, without), doctest::Contains("3 indices"), Error);
    loss.prepare(four.logits, four.batch);
    CHECK_THROWS_WITH_AS(loss.step_done(four.batch), doctest::Contains("no labels were drawn for a batch of 4"), Error);
    CHECK_THROWS_WITH_AS(loss(random_tensor({4, 3}, 220), four.batch), doctest::Contains("3 classes"), Error);
    loss(four.logits, four.batch);
    CHECK_THROWS_WITH_AS(loss.step_done(without), doctest::Contains("3 indices"), Error);
  }

  TEST_CASE("lccn: a state that is none is refused and leaves the loss as it was") {
    const Four four;
    LccnLoss loss;
    loss.prepare(four.logits, four.batch);
    const std::vector<NamedTensor> good = loss.state();
    const auto changed = [&](const std::string& name, const Tensor& tensor) {
      std::vector<NamedTensor> state = good;
      for (NamedTensor& entry : state)
        if (entry.name == name) entry.tensor = tensor;
      return state;
    };
    const auto refused = [&](const std::vector<NamedTensor>& state, const std::string& part) {
      CHECK_THROWS_WITH_AS(loss.load_state(state), doctest::Contains(part.c_str()), Error);
    };
    refused({good.begin() + 1, good.end()}, "has no 'indices'");
    refused(changed("steps", label_tensor({-3})), "-3 steps");
    refused(changed("indices", label_tensor({1, 2, 3, 2})), "4 saved samples have 3 different indices");
    refused(changed("latent_labels", label_tensor({0, 1, 5, 0})), "the latent label 5");
    refused(changed("latent_labels", label_tensor({0, 1})), "expected (4) in i32");
    refused(changed("transition", Tensor::zeros({2, 2}, DType::f64, Device::reference)), "row 0: the row sums to 0");
    refused(changed("transition", Tensor::zeros({2, 2}, DType::f32, Device::reference)), "f32");
    CHECK(values_by_name(loss.state()) == values_by_name(good));
  }
}

}  // namespace
}  // namespace cofactor
