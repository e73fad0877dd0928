// Batch normalisation with the statistics of a batch that is divided over ranks, as torch.nn.SyncBatchNorm.
//
// Rank r has the rows X_r of the batch's N rows (all axes but the last), and mean and variance are those of all N. Let
// L be the one loss of the whole batch. What arrives in the backward on rank r is g_i = dL/dy_i for its own rows i in
// X_r (engine/distributed/all_reduce_sum.h, docs/distributed.md). Each x_i moves the statistics, and these move the y
// of all ranks, so that with n = (x - mean) / sqrt(variance + epsilon)
//
//   dL/dx_i = scale / sqrt(variance + epsilon) * (g_i - G / N - n_i H / N),   G = sum g,  H = sum g n  over all N rows:
//
// both sums are added up over ranks in the backward. The gradients of scale and shift are the sums over the rank's own
// rows, its terms, which gradient_buckets.h adds up with those of all other parameters.
#pragma once

#include "engine/distributed/communicator.h"
#include "engine/kernel_params.h"

namespace cofactor {

// As batch_norm in training (engine/ops/batch_norm.h), where x and residual have this rank's rows: the ranks may have
// different numbers of them, also 0. The running statistics take the mean and the unbiased variance of the whole batch,
// and have the same bits on all ranks if they had before.
//
// Statistics are joined in f64. Per call there is one sum over ranks, of 2 C + 1 numbers in f64, and one in the
// backward, of 2 C; for x in f64 there are two sums in the forward. All ranks must make the same calls, and their
// backward must reach them in the same order, as it does for the same network and loss. `ranks` must live until the
// backward has passed.
//
// Throws Error as batch_norm and Communicator do, where `params` are not for training, and where all ranks together
// have fewer than 2 rows.
Tensor synchronised_batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                               const Tensor& running_variance, const BatchNormParams& params, const Tensor& residual,
                               Communicator& ranks);

}  // namespace cofactor
