// LCCN, the latent class-conditional noise model (Yao, Wu, Zhang, Tsang, Sun, Safeguarded Dynamic Label Regression for
// Noisy Supervision, AAAI 2019).
//
// Definition. Each training sample has a latent label, its true one as far as the model knows. With p = softmax(z_i)
// over the true classes, the noisy label y_i and a transition matrix T(c, y) = Pr[label y | class c], a step draws
//
//   latent_i ~ w_c = p_c T(c, y_i) / sum_k p_k T(k, y_i)       L = 1/N sum_i -log p_i[latent_i],
//
// cross entropy on what was drawn. T is not trained by a gradient: the pairs (latent, noisy) of all samples are
// counted,
//
//   T(c, y) = (n_cy + alpha) / sum_y' (n_cy' + alpha),
//
// the posterior mean under a Dirichlet(alpha) prior on each row. Together it is Gibbs sampling of latent labels and T,
// with the network's training between.
//
// Gradient (docs/derivations_baselines.md, section 8). Of what was drawn, dL/dz_ic = (p_ic - 1[c = latent_i]) / N; in
// expectation over the draws that of forward correction with the same T (losses/forward_correction.h).
//
// Range. [0, +inf).
//
// Under label noise. A batch of N samples changes row c of T by no more than about N / (n_c + C alpha), so that no
// batch can upset it: the safeguard. Where the counts come to be the true noise, the network's minimiser is the clean
// posterior, as in forward correction; but they start from a network trained on the noisy labels, so with noise that
// hides a class (diagonally non-dominant) T starts, and may stay, wrong.
//
// Schedule. Until `warmup_steps` are over T is the soft one of the network that fine-tuning starts from: for each pair,
// the sum of p_c(x) over the samples with that label, plus alpha, rows normalised. Latent labels are drawn and counted
// from the first step on. Then T is taken from the counts, at once and again every `update_every` steps. A sample that
// has not been drawn yet counts with the most probable class of that first network. (The published code starts its
// counts from the soft sums and takes each sample's most probable class away when it is first drawn, so that they end
// up off by the difference of both, and may be negative. Here they are counts throughout.)
//
// Selection. The noisy labels' likelihood, forward correction's loss with the current T: a drawn loss would be noise.
#pragma once

#include <map>
#include <optional>

#include "data/noise/transition.h"
#include "engine/random.h"
#include "losses/device_matrix.h"
#include "losses/latent_labels.h"
#include "losses/loss.h"
#include "losses/loss_options.h"

namespace cofactor {

struct LccnOptions {
  int64_t warmup_steps = 20000;  // from 0 up; these are the values for CIFAR-10
  int64_t update_every = 200;    // steps, from 1 up
  double alpha = 1.0;            // added to each count, above 0

  bool operator==(const LccnOptions&) const = default;
  static std::vector<OptionMember<LccnOptions>> members();
};

class LccnLoss : public Loss {
 public:
  // Throws Error for options outside their ranges.
  explicit LccnLoss(const LccnOptions& options = {});
  std::string_view name() const override { return "lccn"; }
  Outputs outputs() const override { return Outputs::true_class; }

  // Draws latent labels for the batch and returns the cross entropy on them. Nothing waits for the device. In a
  // recorded step (engine/captured_step.h) each replay draws anew, with the current transition matrix. A step must have
  // run once with as many samples before it is recorded, so that the tensor for the labels exists. Throws Error before
  // prepare().
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
  // The mean of -log sum_c p_c T(c, y), without a draw.
  Tensor evaluate(const Tensor& logits, const Batch& batch) override;

  bool needs_training_outputs() const override { return true; }
  // Starts from the first network's outputs: soft counts for the warm-up, the most probable classes as latent labels.
  void prepare(const Tensor& logits, const Batch& batch) override;

  // `step` selects the draws of steps that are not replayed; a replayed step has its own number (StepValues).
  void set_random(uint64_t seed, uint64_t step, int64_t first_sample = 0) override;
  void share_state(Communicator& ranks) override { ranks_ = &ranks; }
  // Keeps the drawn labels on the device and reads them when the transition matrix is to be updated.
  void step_done(const Batch& batch) override;

  // "transition" (C, C) f64, "steps" (1) i32, and the state of LatentLabels. Reads what is still on the device, and on
  // other ranks.
  std::vector<NamedTensor> state() const override;
  void load_state(const std::vector<NamedTensor>& state) override;

  const LccnOptions& options() const { return options_; }
  // The current T; none before prepare().
  const std::optional<Transition>& transition() const { return transition_; }

 private:
  // The labels that a step has drawn and that are not counted yet.
  struct Drawn {
    Tensor latent;
    std::vector<int64_t> indices;
    std::vector<int32_t> noisy;
  };

  const Tensor& latent_of(const Tensor& labels);
  void set(Transition transition);
  void read_drawn_into(LatentLabels& latent) const;

  LccnOptions options_;
  RandomKey key_;
  int64_t first_sample_ = 0;
  std::optional<Transition> transition_;
  DeviceMatrix columns_;              // row y: T(c, y) for all c
  std::map<int64_t, Tensor> latent_;  // the last drawn labels, by the number of samples
  std::vector<Drawn> drawn_;          // by the steps since they were last counted
  Communicator* ranks_ = nullptr;
  LatentLabels latent_labels_;
  int64_t steps_ = 0;
};

}  // namespace cofactor
