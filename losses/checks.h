// The check of logits and labels that every loss begins with. Only for the .cpp files of losses/.
#pragma once

#include <string_view>

#include "engine/tensor.h"

namespace cofactor {

// logits (N, C) in f32 or f64 with N >= 1 and C >= min_classes; labels (N) i32 on the same device. The labels' values
// stay on the device and are not checked here: data/ has checked them.
inline void check_logits_and_labels(std::string_view loss, const Tensor& logits, const Tensor& labels,
                                    int64_t min_classes) {
  check(logits.defined(), "{}: logits are undefined", loss);
  check(labels.defined(), "{}: labels are undefined", loss);
  check(logits.rank() == 2, "{}: logits have shape {}, expected (N, C)", loss, logits.shape());
  check(logits.dtype() == DType::f32 || logits.dtype() == DType::f64,
        "{}: logits of shape {} are {}, expected f32 or f64: cast them first", loss, logits.shape(), logits.dtype());
  check(labels.dtype() == DType::i32, "{}: labels of shape {} are {}, expected i32", loss, labels.shape(),
        labels.dtype());
  check(labels.shape() == Shape{logits.dim(0)}, "{}: labels have shape {}, logits of shape {} take ({})", loss,
        labels.shape(), logits.shape(), logits.dim(0));
  check(logits.dim(0) >= 1, "{}: logits of shape {} hold no samples", loss, logits.shape());
  check(logits.dim(1) >= min_classes, "{}: logits of shape {} have {} classes, expected at least {}", loss,
        logits.shape(), logits.dim(1), min_classes);
  check(logits.device() == labels.device(), "{}: logits are on {}, labels on {}", loss, logits.device(),
        labels.device());
}

}  // namespace cofactor
