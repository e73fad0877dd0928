#include "experiments/own_data/predict_all.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "data/loader.h"
#include "engine/autograd.h"
#include "engine/ops/softmax.h"
#include "experiments/own_data/readable_samples.h"
#include "experiments/training/stop.h"

namespace cofactor {

namespace {

Split all_of(std::shared_ptr<const Dataset> data) {
  Split split{.data = std::move(data), .indices = {}, .labels = {}};
  split.indices.resize(static_cast<size_t>(split.data->size()));
  std::iota(split.indices.begin(), split.indices.end(), int64_t{0});
  split.labels.resize(split.indices.size());
  return split;
}

class Predicting {
 public:
  Predicting(Module& network, PredictionInputs& inputs, PredictionsWriter& writer, const PredictOptions& options,
             const PredictHooks& hooks)
      : network_(network), inputs_(inputs), writer_(writer), options_(options), hooks_(hooks) {}

  PredictOutcome run() {
    const NoGrad no_grad;
    network_.eval();
    while (const auto data = inputs_.next(options_.batch_size)) {
      predict(std::make_shared<const ReadableSamples>(data));
      writer_.flush();
    }
    writer_.finish();
    return outcome_;
  }

 private:
  void predict(const std::shared_ptr<const ReadableSamples>& samples) {
    // One batch is read by this thread.
    const bool ahead = samples->size() > options_.batch_size;
    Loader loader(all_of(samples), {.batch_size = options_.batch_size,
                                    .sampler = SamplerKind::sequential,
                                    .last_batch = LastBatch::keep,
                                    .device = options_.device,
                                    .workers = ahead ? options_.workers : 0});
    loader.start_epoch(0);
    while (const auto batch = loader.next()) {
      StopSignals::check();
      write(*samples, *batch);
      if (hooks_.advance) hooks_.advance(batch->size());
    }
  }

  void write(const ReadableSamples& samples, const Batch& batch) {
    const Tensor logits = network_(batch.inputs);
    const std::vector<float> values = softmax(logits).to_vector<float>();
    const auto classes = static_cast<size_t>(logits.dim(1));
    for (size_t i = 0; i < batch.indices.size(); ++i) {
      const int64_t index = batch.indices[i];
      const std::string name = samples.sample_name(index);
      const auto row = std::span(values).subspan(i * classes, classes);
      std::optional<std::string> reason = samples.take_reason(index);
      if (!reason && !std::ranges::all_of(row, [](float p) { return std::isfinite(p); }))
        reason = fmt::format("'{}': the network's output is not finite", name);
      if (reason) {
        ++outcome_.unread;
        if (hooks_.unread) hooks_.unread(*reason);
        writer_.add(name, {});
      } else {
        writer_.add(name, row);
        count_label(std::ranges::max_element(row) - row.begin());
      }
      ++outcome_.samples;
    }
  }

  void count_label(int64_t predicted) {
    if (!inputs_.labels) return;
    const int32_t label = inputs_.labels->at(static_cast<size_t>(outcome_.samples));
    if (label == kOtherLabel) ++outcome_.other;
    if (label < 0) return;
    ++outcome_.labelled;
    if (label == predicted) ++outcome_.correct;
  }

  Module& network_;
  PredictionInputs& inputs_;
  PredictionsWriter& writer_;
  const PredictOptions& options_;
  const PredictHooks& hooks_;
  PredictOutcome outcome_;
};

}  // namespace

PredictOutcome predict_all(Module& network, PredictionInputs& inputs, PredictionsWriter& writer,
                           const PredictOptions& options, const PredictHooks& hooks) {
  return Predicting(network, inputs, writer, options, hooks).run();
}

}  // namespace cofactor
