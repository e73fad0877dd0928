#include "experiments/training/diagnosis.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"

namespace cofactor {
namespace {

constexpr double kSaneLogit = 100.0;  // exp(-100) is 0 beside 1 in f32, and labels do not ask for more

// The place of the first value that is not finite; the number of values where all are. Integers (words of a sentence)
// are finite.
size_t first_not_finite(const std::vector<double>& values) {
  const auto found = std::ranges::find_if(values, [](double value) { return !std::isfinite(value); });
  return static_cast<size_t>(found - values.begin());
}

std::vector<double> values_of(const Tensor& tensor) {
  if (!tensor.defined() || !is_floating(tensor.dtype())) return {};
  return cast(tensor.detach(), DType::f64).to_vector<double>();
}

bool all_finite(const Tensor& tensor) {
  const std::vector<double> values = values_of(tensor);
  return first_not_finite(values) == values.size();
}

// Before the phase's first update its own rate has done nothing.
std::string blame(const Standing& at) {
  if (at.updates > 0) return "so the learning rate is likely too high; " + lower_rate(at);
  if (at.finetuning) {
    return "before fine-tuning has made a step, so the cause lies in pre-training: it has likely diverged; lower "
           "--pretrain-lr";
  }
  return "before any step, so the cause lies in the initial weights (those of --init, where it is given)";
}

// The remedy for an infinite loss of finite logits; `own` is the method's. Before the first update, logits far beyond
// those of any probability show that pre-training has diverged.
std::string remedy_of_infinity(const Standing& at, const Tensor& logits, const std::string& own) {
  const std::string or_own = own.empty() ? "" : ", or " + own;
  if (at.updates > 0) return fmt::format("pre-train longer (--epochs), {}{}", lower_rate(at), or_own);
  double largest = 0.0;
  for (const double value : values_of(logits)) largest = std::max(largest, std::abs(value));
  if (largest > kSaneLogit) {
    return fmt::format(
        "fine-tuning has made no step, and outputs reach {:.3g}: pre-training has diverged; lower --pretrain-lr",
        largest);
  }
  return fmt::format("fine-tuning has made no step: pre-train longer (--epochs){}", or_own);
}

}  // namespace

std::string lower_rate(const Standing& at) {
  return fmt::format("lower {} (it is {:g})", at.finetuning ? "--lr" : "--pretrain-lr", at.lr);
}

std::string cause_of_loss(const Standing& at, const Batch& batch, const Tensor& logits) {
  if (!all_finite(batch.inputs)) return "the batch's inputs hold values that are not finite";
  if (!all_finite(logits)) return "the network's outputs are not finite, " + blame(at);
  if (const auto meaning = at.loss.diagnose_infinity(); !meaning.cause.empty())
    return fmt::format("{}; {}", meaning.cause, remedy_of_infinity(at, logits, meaning.remedy));
  return "the network's outputs are finite but too large, " + blame(at);
}

std::string cause_of_loss(const Standing& at, const Batch& batch, const Tensor& logits, Communicator& ranks) {
  constexpr char kAtFault = '!', kFine = ' ';
  const bool fine = all_finite(batch.inputs) && all_finite(logits);
  const std::vector<std::string> all =
      ranks.all_gather_texts((fine ? kFine : kAtFault) + cause_of_loss(at, batch, logits));
  const auto found = std::ranges::find_if(all, [](const std::string& text) { return text.front() == kAtFault; });
  if (found == all.end()) return all.front().substr(1);
  return fmt::format("on rank {}, {}", found - all.begin(), found->substr(1));
}

std::string cause_of_outputs(const Standing& at) {
  if (at.updates > 0) return "the learning rate is too high; " + lower_rate(at);
  return "not finite " + blame(at);
}

std::string cause_of_infinite_validation(const Standing& at) {
  const auto meaning = at.loss.diagnose_infinity();
  if (meaning.cause.empty()) return "likely cause: the learning rate is too high; " + lower_rate(at);
  return fmt::format(
      "{}; likely cause: the learning rate is too high ({}), or pre-training was too short (--epochs) or diverged "
      "(--pretrain-lr)",
      meaning.cause, lower_rate(at));
}

std::string wrong_with_initial_weights(const Standing& at, const std::vector<NamedTensor>& weights) {
  for (const auto& [name, tensor] : weights) {
    const std::vector<double> values = values_of(tensor);
    const size_t place = first_not_finite(values);
    if (place == values.size()) continue;
    return fmt::format("'{}' holds {} at element {}: {}", name, values[place], place,
                       at.finetuning ? "pre-training has left it so; lower --pretrain-lr"
                                     : "the initial weights are broken (those of --init, where it is given)");
  }
  return {};
}

std::string remedy_for_skipped_batches(const Split& train, SamplerKind sampler, int64_t batch_size,
                                       std::string_view flag) {
  const std::vector<int64_t> counts = train.class_counts();
  const int64_t rarest = std::ranges::min(counts);
  if (rarest == 0) return "a class has no training sample at all";
  const int64_t complete = complete_batch_size(counts, batch_size);
  const bool stratified = sampler == SamplerKind::stratified;
  if (complete == batch_size && !stratified) return "--sampler stratified gives every batch a sample of each class";
  if (complete == batch_size) return "every class is in every batch of --sampler stratified";
  return fmt::format("{}{} {} gives every batch a sample of each class (the rarest has {} of {}){}",
                     stratified ? "" : "--sampler stratified with ", flag, complete, rarest, train.size(),
                     flag == kLogicalBatchFlag
                         ? ""
                         : fmt::format("; {} {} does so in the memory of small batches", kLogicalBatchFlag, complete));
}

}  // namespace cofactor
