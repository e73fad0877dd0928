// The gradients of parameters summed over ranks, in buckets whose sums start while backward still runs.
//
//   GradientBuckets buckets(model.parameters(), ranks);   // once
//   optimizer.zero_grad();
//   backward(loss, {}, buckets.on_gradient());            // buckets start as their gradients become complete
//   buckets.finish();                                     // waits; every grad() is now the sum over ranks
//
// The gradients are added up, not averaged: the loss of a rank is its share of the whole batch's. For a loss that is a
// mean over samples, rank r's share is n_r / N times its own mean; DMI's shares come of all_reduce_sum
// (engine/distributed/all_reduce_sum.h).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/autograd.h"
#include "engine/distributed/communicator.h"
#include "engine/named_tensor.h"

namespace cofactor {

struct BucketOptions {
  size_t bytes = size_t{4} << 20;  // of a bucket, at most, unless one parameter alone has more
  bool bf16 = false;               // f32 gradients travel in bf16, which halves the bytes and rounds twice
};

class GradientBuckets {
 public:
  // The same parameters in the same order on all ranks: leaves in f32 or f64, on any device, which their buckets lie on
  // too. Buckets hold them in reverse order, as backward reaches them. Throws Error where there is no parameter, for
  // another dtype, and for buckets of 0 bytes.
  GradientBuckets(const std::vector<NamedTensor>& parameters, Communicator& ranks, const BucketOptions& options = {});
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  // For the last backward of a step. A bucket starts once all its gradients and all buckets before it are there, so
  // that every rank starts them in the same order. Where a gradient is made by several backward passes, the earlier
  // ones go without it.
  GradientDone on_gradient();
  // Starts what has not started, waits for all, and sets each grad() to the sum. A rank without a gradient counts as
  // zeros; a parameter that has a gradient on no rank keeps none. Throws Error as Communicator does; gradients then
  // have no meaning.
  void finish();

  size_t count() const { return buckets_.size(); }
  // Of a step so far: the buckets that started before finish().
  size_t started_in_backward() const { return started_in_backward_; }

 private:
  struct Bucket;
  void start(Bucket& bucket);
  void write_back(Bucket& bucket);

  Communicator& ranks_;
  std::vector<std::unique_ptr<Bucket>> buckets_;
  size_t next_ = 0;  // bucket to start
  size_t started_in_backward_ = 0;
};

}  // namespace cofactor
