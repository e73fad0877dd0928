#include "models/word_cnn.h"

#include <algorithm>

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "layers/sequential.h"

namespace cofactor {

WordCnn::WordCnn(Initializer& init, const WordCnnOptions& options) : activation_(options.activation) {
  const auto& [vocabulary, dimension, widths, maps, classes, p, activation, mode, vectors] = options;
  check(!widths.empty() && std::ranges::min(widths) >= 1,
        "WordCNN: {} filter widths, expected at least one, each at least 1", widths.size());
  check((mode == EmbeddingMode::random) == vectors.empty(), "WordCNN: {} values of word vectors, but the mode needs {}",
        vectors.size(), mode == EmbeddingMode::random ? "none" : "given vectors");
  widest_ = std::ranges::max(widths);
  const auto table = [&](bool trained) {
    return std::make_shared<Embedding>(
        init, EmbeddingOptions{options.vocabulary, options.dimension, options.vectors, trained});
  };
  tables_.push_back(register_module("embed", table(mode != EmbeddingMode::fixed)));
  if (mode == EmbeddingMode::multichannel) tables_.push_back(register_module("embed_fixed", table(false)));
  const int64_t channels = dimension * static_cast<int64_t>(tables_.size());
  const bool relu = activation == WordActivation::relu;
  const auto list = register_module("convs", std::make_shared<Sequential>());
  for (const int64_t width : widths) {
    convs_.push_back(std::make_shared<Conv2d>(
        init, Conv2dOptions{.in_channels = channels,
                            .out_channels = maps,
                            .kernel_h = 1,
                            .kernel_w = static_cast<int>(width),
                            .params = {.activation = relu ? Activation::relu : Activation::none}}));
    list->append(convs_.back());
  }
  dropout_ = register_module("dropout", std::make_shared<Dropout>(p));
  const int64_t features = maps * static_cast<int64_t>(widths.size());
  fc_ = register_module(
      "fc", std::make_shared<Linear>(init, LinearOptions{.in_features = features, .out_features = classes}));
}

// (N, L) to (N, 1, L, D): a word convolution is a convolution of an image with one row.
Tensor WordCnn::embed(const Tensor& x) {
  const Tensor row = x.view({x.dim(0), 1, x.dim(1)});
  std::vector<Tensor> channels;
  for (const auto& table : tables_) channels.push_back((*table)(row));
  return channels.size() == 1 ? channels.front() : concatenate(channels, 3);
}

Tensor WordCnn::forward(const Tensor& x) {
  check(x.defined() && x.rank() == 2 && x.dtype() == DType::i32,
        "WordCNN: x is {} of shape {}, expected i32 of shape (N, L)", x.defined() ? name_of(x.dtype()) : "undefined",
        x.defined() ? x.shape() : Shape{});
  check(x.dim(1) >= widest_, "WordCNN: sentences of {} words are shorter than the widest filter, {}", x.dim(1),
        widest_);
  const Tensor words = embed(x);
  // Both activations are monotone, so they commute with the maximum, including gradients, and are L times cheaper after
  // it.
  std::vector<Tensor> features;
  for (const auto& conv : convs_) features.push_back(conv->forward_global_max(words));
  Tensor y = concatenate(features, 1);
  if (activation_ == WordActivation::tanh) y = tanh(y);
  return cast_logits((*fc_)((*dropout_)(y)));
}

}  // namespace cofactor
