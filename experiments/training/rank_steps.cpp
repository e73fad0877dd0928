#include "experiments/training/rank_steps.h"

#include <algorithm>
#include <span>
#include <vector>

#include "engine/io/file.h"
#include "experiments/training/stop.h"

namespace cofactor {

void wait_for_rank_zero(Communicator* ranks) {
  if (!ranks) return;
  const DeadlineScope patience(*ranks, kWhileRankZeroWorks);
  ranks->barrier();
}

std::optional<std::string> read_if_there(const std::filesystem::path& path, Communicator* ranks) {
  std::optional<std::string> contents;
  if ((!ranks || ranks->rank() == 0) && std::filesystem::exists(path)) contents = read_file(path);
  if (!ranks) return contents;
  const DeadlineScope patience(*ranks, kWhileRankZeroWorks);
  std::byte there{contents.has_value()};
  ranks->broadcast(std::span(&there, 1), 0);
  if (there == std::byte{0}) return std::nullopt;
  if (!contents) contents.emplace();
  ranks->broadcast_text(*contents, 0);
  return contents;
}

RankSteps::RankSteps(Communicator* ranks, Module& model) : ranks_(ranks), model_(model) {
  if (!ranks) return;
  for (const auto& [name, buffer] : model.buffers())
    if (buffer.dtype() == DType::f32) statistics_.push_back(buffer);
}

void RankSteps::copy_model() {
  if (!ranks_) return;
  const DeadlineScope patience(*ranks_, kWhileRankZeroWorks);
  for (const auto& [name, tensor] : model_.parameters()) ranks_->broadcast(tensor.detach(), 0);
  for (const auto& [name, tensor] : model_.buffers()) ranks_->broadcast(tensor, 0);
}

RankSteps::Decision RankSteps::after_step(bool save_is_due) {
  return settle(save_is_due, statistics_);
}

RankSteps::Decision RankSteps::between_steps(bool save_is_due) {
  return settle(save_is_due, {});
}

// One sum: for each signal the number of ranks that have received it, whether rank 0 is to save, and the statistics.
RankSteps::Decision RankSteps::settle(bool save_is_due, const std::vector<Tensor>& averaged) {
  if (!ranks_) return {StopSignals::pending(), save_is_due};
  std::vector<float> values;
  for (const int signal : StopSignals::kSignals) values.push_back(StopSignals::pending() == signal ? 1.0f : 0.0f);
  values.push_back(ranks_->rank() == 0 && save_is_due ? 1.0f : 0.0f);
  for (const Tensor& tensor : averaged) {
    const std::vector<float> own = tensor.to_vector<float>();
    values.insert(values.end(), own.begin(), own.end());
  }
  ranks_->all_reduce(std::span(values));
  auto next = values.begin();
  Decision decision;
  for (const int signal : StopSignals::kSignals)
    if (*next++ > 0.0f && decision.signal == 0) decision.signal = signal;
  decision.save = *next++ > 0.0f;
  for (const Tensor& tensor : averaged) {
    const auto end = next + tensor.numel();
    std::for_each(next, end, [&](float& value) { value /= static_cast<float>(ranks_->size()); });
    tensor.copy_from(Tensor::from(std::vector<float>(next, end), tensor.shape(), kHost).to(tensor.device()));
    next = end;
  }
  return decision;
}

}  // namespace cofactor
