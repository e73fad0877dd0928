// A transition matrix estimated from a network that has learned the noisy labels.
#pragma once

#include <string_view>
#include <vector>

#include "data/noise/transition.h"

namespace cofactor {

// Row c is the softmax output of the sample that the network gives the highest probability of class c (Patrini et al.
// 2017, Theorem 3): if some sample is certainly of class c, then its noisy posterior is row c of T.
// logits (N, C), f32 or f64, of the training samples. Throws Error, naming `caller`, where an output is not finite,
// where class c is unreachable (no sample has a probability of at least 0.01 / C), and where rows are so alike that T
// is singular or its inverse amplifies by more than 1000.
Transition estimate_transition(std::string_view caller, const Tensor& logits);

// softmax(logits) in f64 on the host, (N, C) row-major. Throws Error, naming `caller`, where an output is not finite.
std::vector<double> softmax_on_host(std::string_view caller, const Tensor& logits);

}  // namespace cofactor
