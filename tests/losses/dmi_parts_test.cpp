// The loss of a batch that comes in parts, against the loss of the batch as a whole.
#include <numeric>

#include "data/sampler.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"
#include "losses/make_loss.h"
#include "tests/fixtures/numbers.h"
#include "tests/losses/blobs.h"
#include "tests/losses/helpers.h"

namespace cofactor {
namespace {

using namespace testing;

// Samples of a batch, as places in it.
using Places = std::vector<int64_t>;

std::vector<Places> cut_into(const Places& order, const std::vector<int64_t>& sizes) {
  std::vector<Places> parts;
  auto begin = order.begin();
  for (const int64_t size : sizes) {
    parts.emplace_back(begin, begin + size);
    begin += size;
  }
  REQUIRE(begin == order.end());
  return parts;
}

Places in_order(int64_t samples) {
  Places order(static_cast<size_t>(samples));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Batch labels_at(const std::vector<int32_t>& labels, const Places& places, Device device) {
  Batch batch;
  for (const int64_t place : places) batch.host_labels.push_back(labels[static_cast<size_t>(place)]);
  batch.labels = label_tensor(batch.host_labels, device);
  return batch;
}

template <class T>
Tensor rows_at(const std::vector<T>& values, const Places& places, int64_t columns, Device device) {
  std::vector<T> rows;
  for (const int64_t place : places) {
    const auto row = values.begin() + place * columns;
    rows.insert(rows.end(), row, row + columns);
  }
  return Tensor::from(rows, {std::ssize(places), columns}, device);
}

struct LossAndGradient {
  double loss = 0.0;
  std::vector<double> gradient;  // (N, C), in the order of the batch
};

template <class T>
LossAndGradient in_parts(const std::vector<T>& logits, const std::vector<int32_t>& labels, int64_t classes,
                         const std::vector<Places>& parts, const DmiOptions& options, Device device) {
  DmiInParts loss(options);
  for (const Places& places : parts) {
    const NoGrad no_grad;
    loss.add(rows_at(logits, places, classes, device), labels_at(labels, places, device));
  }
  LossAndGradient result{loss.finish().item(), std::vector<double>(logits.size())};
  for (const Places& places : parts) {
    const auto rows =
        gradient_by_logits<T>([&](const Tensor& z) { return loss.part(z, labels_at(labels, places, device)); },
                              rows_at(logits, places, classes, device));
    for (size_t i = 0; i < places.size(); ++i) {
      for (int64_t c = 0; c < classes; ++c) {
        result.gradient[static_cast<size_t>(places[i] * classes + c)] =
            static_cast<double>(rows[i * static_cast<size_t>(classes) + static_cast<size_t>(c)]);
      }
    }
  }
  return result;
}

template <class T>
LossAndGradient as_a_whole(const std::vector<T>& logits, const std::vector<int32_t>& labels, int64_t classes,
                           const DmiOptions& options, Device device) {
  const Tensor z = Tensor::from(logits, {std::ssize(labels), classes}, device);
  const auto loss = [&](const Tensor& leaf) { return dmi(leaf, label_tensor(labels, device), options); };
  const auto gradient = gradient_by_logits<T>(loss, z);
  return {loss(z).item(), {gradient.begin(), gradient.end()}};
}

// Parts as a sampler makes them of a batch, and of sizes that differ.
std::vector<std::vector<Places>> partitions(const std::vector<int32_t>& labels) {
  const auto samples = std::ssize(labels);
  std::vector<std::vector<Places>> all;
  for (const SamplerKind kind : {SamplerKind::shuffled, SamplerKind::stratified, SamplerKind::sequential}) {
    Places order;
    for (const Places& batch : make_batches(kind, labels, samples, LastBatch::keep, {.seed = 5})) order = batch;
    for (const int64_t most : {int64_t{7}, int64_t{16}, samples - 1, samples}) {
      all.push_back(cut_into(order, part_sizes(samples, most)));
    }
    all.push_back(cut_into(order, {1, samples - 6, 3, 2}));
  }
  Places sorted = in_order(samples);  // by class: most classes are absent from each part
  std::ranges::stable_sort(sorted, {}, [&](int64_t place) { return labels[static_cast<size_t>(place)]; });
  all.push_back(cut_into(sorted, part_sizes(samples, 5)));
  return all;
}

const std::vector<DmiOptions> kOptions = {
    {}, {.normalize = false}, {.epsilon = 1e-3}, {.normalize = false, .epsilon = 1.0}};

}  // namespace

TEST_SUITE("gradient") {
  TEST_CASE("dmi in parts: loss and gradient are those of the whole batch to 1e-12 in f64") {
    for (const int64_t classes : {2, 5, 30}) {
      const auto labels = cycling_labels(3 * classes + 11, classes);
      const auto logits = informative_logits(labels, classes, 3.0, 200);
      for (const DmiOptions& options : kOptions) {
        CAPTURE(classes);
        CAPTURE(options.normalize);
        CAPTURE(options.epsilon);
        const auto whole = as_a_whole(logits, labels, classes, options, Device::reference);
        REQUIRE(std::isfinite(whole.loss));
        for (const std::vector<Places>& parts : partitions(labels)) {
          CAPTURE(parts.size());
          const auto summed = in_parts(logits, labels, classes, parts, options, Device::reference);
          CHECK(summed.loss == doctest::Approx(whole.loss).epsilon(1e-13));
          CHECK(largest_difference(summed.gradient, whole.gradient) < 1e-12);
        }
      }
    }
  }

  TEST_CASE("dmi in parts: loss and gradient are those of the whole batch to 1e-5 in f32 on every device") {
    for (const Device device : available_devices()) {
      for (const int64_t classes : {2, 10, 50}) {
        const auto labels = cycling_labels(3 * classes + 11, classes);
        const auto logits = informative_logits<float>(labels, classes, 5.0, 210);
        for (const DmiOptions& options : {DmiOptions{}, DmiOptions{.normalize = false, .epsilon = 1.0}}) {
          CAPTURE(name_of(device));
          CAPTURE(classes);
          const auto whole = as_a_whole(logits, labels, classes, options, device);
          for (const std::vector<Places>& parts : partitions(labels)) {
            const auto summed = in_parts(logits, labels, classes, parts, options, device);
            CHECK(summed.loss == doctest::Approx(whole.loss).epsilon(1e-5));
            CHECK(largest_difference(summed.gradient, whole.gradient) < 1e-5);
          }
        }
      }
    }
  }

  TEST_CASE("dmi in parts: the gradients of parameters add up to that of the whole batch") {
    const Blobs blobs(60, {0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.2, 0.2, 0.6}, 9);
    LinearClassifier whole, summed;
    DmiLoss loss;
    CrossEntropyLoss informing;
    train(whole, informing, blobs.all(), 20);  // from equal outputs U is singular
    REQUIRE(std::isfinite(loss(whole(blobs.all().inputs), blobs.all()).item()));
    summed.copy_from(whole);
    for (const NamedTensor& named : whole.parameters()) named.tensor.set_grad({});
    backward(loss(whole(blobs.all().inputs), blobs.all()));
    const auto parts = loss.in_parts();
    const std::vector<std::pair<int64_t, int64_t>> places = {{0, 25}, {25, 1}, {26, 34}};
    for (const auto& [first, count] : places) {
      const NoGrad no_grad;
      parts->add(summed(blobs.batch(first, count).inputs), blobs.batch(first, count));
    }
    parts->finish();
    for (const auto& [first, count] : places) {
      backward(parts->part(summed(blobs.batch(first, count).inputs), blobs.batch(first, count)));
    }
    for (size_t i = 0; i < 2; ++i) {
      CHECK(largest_difference(summed.parameters()[i].tensor.grad().to_vector<double>(),
                               whole.parameters()[i].tensor.grad().to_vector<double>()) < 1e-12);
    }
  }

  TEST_CASE("dmi in parts: a class absent from the whole batch leaves the smoothed gradient exactly zero") {
    const std::vector<int32_t> labels{0, 2, 0, 2, 2, 3, 3};
    const auto logits = informative_logits(labels, 4, 1.0, 220);
    const std::vector<Places> parts = cut_into(in_order(7), {3, 2, 2});
    const auto smoothed = in_parts(logits, labels, 4, parts, {.epsilon = 0.001}, Device::reference);
    CHECK(smoothed.loss == doctest::Approx(-std::log(0.001)).epsilon(1e-14));
    for (const double entry : smoothed.gradient) CHECK(entry == 0.0);
    CHECK(in_parts(logits, labels, 4, parts, {}, Device::reference).loss == INFINITY);
  }
}

TEST_SUITE("unit") {
  TEST_CASE("dmi in parts: processes that exchange their sums compute the gradient of all samples") {
    const auto labels = cycling_labels(23, 4);
    const auto logits = informative_logits(labels, 4, 2.0, 230);
    const auto whole = as_a_whole(logits, labels, 4, {}, Device::reference);
    const std::vector<Places> parts = cut_into(in_order(23), {9, 14});
    const auto part = [&](size_t i) { return labels_at(labels, parts[i], Device::reference); };
    const auto outputs = [&](size_t i) { return rows_at(logits, parts[i], 4, Device::reference); };
    DmiInParts first({}), second({});
    first.add(outputs(0), part(0));
    second.add(outputs(1), part(1));
    const Tensor sum_of_first = first.sum();
    first.add_sum(second.sum(), second.samples());
    second.add_sum(sum_of_first, 9);
    CHECK(first.samples() == 23);
    std::vector<double> gradient;
    for (DmiInParts* process : {&first, &second}) {
      CHECK(process->finish().item() == doctest::Approx(whole.loss).epsilon(1e-13));
      const size_t i = process == &first ? 0 : 1;
      const auto rows =
          gradient_by_logits<double>([&](const Tensor& z) { return process->part(z, part(i)); }, outputs(i));
      gradient.insert(gradient.end(), rows.begin(), rows.end());
    }
    CHECK(largest_difference(gradient, whole.gradient) < 1e-12);
  }

  TEST_CASE("dmi in parts: calls out of order and parts that do not fit are errors") {
    const auto labels = cycling_labels(6, 3);
    const Tensor logits = informative_tensor(labels, 3, 1.0, 240);
    const Batch part = labels_at(labels, in_order(6), Device::reference);
    DmiInParts loss({});
    CHECK_THROWS_WITH_AS(loss.finish(), doctest::Contains("without parts"), Error);
    CHECK_THROWS_WITH_AS(loss.part(logits, part), doctest::Contains("before the loss of the whole batch"), Error);
    loss.add(logits, part);
    CHECK_THROWS_WITH_AS(loss.add(informative_tensor(labels, 4, 1.0, 241), part),
                         doctest::Contains("a part has 4 classes, those before it 3"), Error);
    CHECK_THROWS_WITH_AS(loss.add_sum(loss.sum(), 0), doctest::Contains("over 0 samples"), Error);
    CHECK_THROWS_WITH_AS(loss.add_sum(logits, 6), doctest::Contains("not a square matrix"), Error);
    loss.finish();
    CHECK_THROWS_WITH_AS(loss.add(logits, part), doctest::Contains("after the gradient"), Error);
  }

  TEST_CASE("dmi: a logical batch is an option and other losses do not come in parts") {
    CHECK(make_loss("dmi")->logical_batch() == 0);
    CHECK(make_loss("dmi", {{"batch", int64_t{1000}}})->logical_batch() == 1000);
    CHECK_THROWS_WITH_AS(DmiLoss({.batch = -1}), doctest::Contains("a logical batch of -1 samples"), Error);
    for (const std::string& method : loss_names()) {
      if (method == "dmi") continue;
      CHECK(make_loss(method)->logical_batch() == 0);
      CHECK_THROWS_WITH_AS(make_loss(method)->in_parts(), doctest::Contains(method.c_str()), Error);
    }
  }
}

}  // namespace cofactor
