#include "experiments/training/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/noise/class_order.h"
#include "data/noise/estimate.h"
#include "engine/autograd.h"
#include "engine/error.h"
#include "experiments/training/run_failed.h"
#include "experiments/training/stop.h"

namespace cofactor {
namespace {

double percent(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void check_finite(const std::vector<float>& logits, const Batch& batch, std::string_view what) {
  const size_t classes = logits.size() / static_cast<size_t>(batch.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isfinite(logits[i])) continue;
    throw NotFinite(fmt::format("the network's output for sample {} of the {} set is {}", batch.indices[i / classes],
                                what, logits[i]));
  }
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// The outputs of all samples from those of each rank's shares of the batches.
std::vector<float> gathered(const std::vector<float>& own, const std::vector<int64_t>& batches, int64_t classes,
                            Communicator& ranks) {
  const std::vector<std::vector<float>> of_rank = ranks.all_gather_values<float>(own);
  std::vector<size_t> taken(of_rank.size(), 0);
  std::vector<float> all;
  for (const int64_t samples : batches) {
    const int64_t begin = std::ssize(all) / classes;
    for (size_t r = 0; r < of_rank.size(); ++r) {
      const BatchShare share = share_of(samples, static_cast<int>(r), ranks.size());
      const auto values = static_cast<size_t>(share.count * classes);
      check(taken[r] + values <= of_rank[r].size(), "predict: rank {} has outputs for too few samples", r);
      all.resize(static_cast<size_t>((begin + share.first + share.count) * classes));
      std::copy_n(of_rank[r].begin() + static_cast<std::ptrdiff_t>(taken[r]), values,
                  all.begin() + static_cast<std::ptrdiff_t>((begin + share.first) * classes));
      taken[r] += values;
    }
  }
  return all;
}

// Puts a module into evaluation mode while it lives.
class EvaluationMode {
 public:
  explicit EvaluationMode(Module& model) : model_(model), was_training_(model.training()) { model_.eval(); }
  ~EvaluationMode() { model_.train(was_training_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  Module& model_;
  bool was_training_;
};

}  // namespace

Predictions predict(Module& model, Loader& loader, std::string_view what, Communicator* ranks) {
  const NoGrad no_grad;
  const EvaluationMode mode(model);
  std::vector<float> logits;
  std::vector<int64_t> batches;  // their samples, on all ranks
  Predictions all;
  Device device = Device::cpu;
  int64_t classes = 0;
  loader.start_epoch(0);
  while (const auto batch = loader.next()) {
    if (!ranks) StopSignals::check();
    const Tensor output = model(batch->inputs);
    device = output.device();
    classes = output.dim(-1);
    append(logits, output.to_vector<float>());
    append(all.batch.host_labels, batch->whole ? batch->whole->labels : batch->host_labels);
    append(all.batch.indices, batch->whole ? batch->whole->indices : batch->indices);
    if (batch->whole) batches.push_back(batch->whole->size());
  }
  const int64_t count = all.batch.size();
  check(count > 0, "predict: the {} set is empty", what);
  if (ranks) logits = gathered(logits, batches, classes, *ranks);
  check_finite(logits, all.batch, what);
  all.logits = Tensor::from(logits, Shape{count, classes}, device);
  all.batch.labels = Tensor::from(all.batch.host_labels, Shape{count}, device);
  return all;
}

int64_t Confusion::total() const {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

double Confusion::accuracy() const {
  int64_t correct = 0;
  for (int64_t c = 0; c < classes; ++c) correct += at(c, c);
  return percent(correct, total());
}

double Confusion::best_permutation_accuracy() const {
  const std::vector<double> gain(counts.begin(), counts.end());
  const std::vector<int64_t> label_of = best_assignment(gain, classes);
  int64_t correct = 0;
  for (int64_t predicted = 0; predicted < classes; ++predicted)
    correct += at(predicted, label_of[static_cast<size_t>(predicted)]);
  return percent(correct, total());
}

double Confusion::constant_accuracy(int64_t predicted) const {
  int64_t labelled = 0;
  for (int64_t other = 0; other < classes; ++other) labelled += at(other, predicted);
  return percent(labelled, total());
}

std::vector<float> predict_probabilities(Module& model, const Split& split, Device device, int workers,
                                         std::string_view what, Communicator* ranks) {
  if (split.size() == 0) return {};
  constexpr int64_t kBatch = 256;
  Loader loader(split, {.batch_size = kBatch,
                        .rank = ranks ? ranks->rank() : 0,
                        .ranks = ranks ? ranks->size() : 1,
                        .sampler = SamplerKind::sequential,
                        .device = device,
                        .workers = workers});
  const std::vector<double> values = softmax_on_host(what, predict(model, loader, what, ranks).logits);
  return {values.begin(), values.end()};
}

Confusion confusion(const Predictions& predictions) {
  const std::vector<float> logits = predictions.logits.to_vector<float>();
  const int64_t classes = predictions.logits.dim(1);
  Confusion result{classes, std::vector<int64_t>(static_cast<size_t>(classes * classes), 0)};
  for (int64_t i = 0; i < predictions.batch.size(); ++i) {
    const auto row = logits.begin() + i * classes;
    const int64_t predicted = std::max_element(row, row + classes) - row;
    const int64_t label = predictions.batch.host_labels[static_cast<size_t>(i)];
    ++result.counts[static_cast<size_t>(predicted * classes + label)];
  }
  return result;
}

bool looks_permuted(const Confusion& confusion) {
  double constant = 0.0;
  for (int64_t c = 0; c < confusion.classes; ++c) constant = std::max(constant, confusion.constant_accuracy(c));
  const double permuted = confusion.best_permutation_accuracy();
  return permuted >= confusion.accuracy() + 10.0 && permuted >= constant + 2.0;
}

}  // namespace cofactor
