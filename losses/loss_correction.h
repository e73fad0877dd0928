// What forward and backward correction share (Patrini, Rozza, Menon, Nock, Qu, Making Deep Neural Networks Robust to
// Label Noise: a Loss Correction Approach, CVPR 2017): a transition matrix, given or estimated from the network that
// training starts from, and a table made of it, with one row per label.
#pragma once

#include <optional>

#include "data/noise/transition.h"
#include "losses/device_matrix.h"
#include "losses/loss.h"
#include "losses/loss_options.h"

namespace cofactor {

struct LossCorrectionOptions {
  std::optional<Transition> transition = {};  // none: estimated in prepare()

  bool operator==(const LossCorrectionOptions&) const = default;
  static std::vector<OptionMember<LossCorrectionOptions>> members();
};

class LossCorrection : public Loss {
 public:
  Outputs outputs() const override { return Outputs::true_class; }
  // True where the matrix is estimated.
  bool needs_training_outputs() const override { return !given_; }
  // Estimates the matrix (data/noise/estimate.h); no effect where it is given.
  void prepare(const Tensor& logits, const Batch& batch) override;
  // An estimated matrix: "transition" (C, C) in f64. A given one is not part of the state.
  std::vector<NamedTensor> state() const override;
  void load_state(const std::vector<NamedTensor>& state) override;

  // None before prepare().
  const std::optional<Transition>& transition() const { return transition_; }

 protected:
  // Row y of the table, (C, C) row-major, is what the loss reads for label y.
  using MakeTable = std::vector<double> (*)(const Transition& transition);
  LossCorrection(const LossCorrectionOptions& options, MakeTable make_table);

  // (N, C): the rows of the table for these labels, in the logits' dtype. Throws Error where there is no matrix yet,
  // and where its number of classes is not that of the logits.
  Tensor table_rows(const Tensor& logits, const Tensor& labels);

 private:
  void set(Transition transition);

  bool given_;
  MakeTable make_table_;
  std::optional<Transition> transition_;
  DeviceMatrix table_;
};

}  // namespace cofactor
