// WordCNN (Kim 2014, Convolutional neural networks for sentence classification): the network of the paper's MR
// experiment.
#pragma once

#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/embedding.h"
#include "layers/linear.h"

namespace cofactor {

// Kim's variants. random: the vectors start random and are trained; the others start from given ones: fixed, trained,
// or both side by side, each word's vector being the two joined.
enum class EmbeddingMode { random, fixed, trained, multichannel };
enum class WordActivation { relu, tanh };

struct WordCnnOptions {
  int64_t vocabulary = 0;  // words, padding and the unknown word among them
  int64_t dimension = 128;
  std::vector<int64_t> widths = {3, 4, 5};  // words that a filter sees at once
  int64_t maps = 100;                       // filters of each width
  int64_t classes = 2;
  double dropout = 0.5;
  WordActivation activation = WordActivation::relu;
  EmbeddingMode embedding = EmbeddingMode::random;
  std::vector<float> vectors = {};  // (vocabulary, dimension), where the mode starts from given ones
};

// Word indices x (N, L) in i32, L at least the widest filter, to logits (N, classes): embedding to (N, 1, L, D), for
// each width a convolution over 1 x width words, the activation, the maximum over all places; the maxima side by side,
// dropout, linear. Parameters: embed.weight (or a buffer where it is fixed; embed_fixed.weight as well for
// multichannel), convs.0.weight (maps, D, 1, width) in files, convs.0.bias, ... and fc.weight, fc.bias. Throws Error
// for an x of another shape or dtype, for extents below 1, and where vectors are missing or not wanted.
class WordCnn : public Module {
 public:
  WordCnn(Initializer& init, const WordCnnOptions& options);
  Tensor forward(const Tensor& x) override;

 private:
  Tensor embed(const Tensor& x);

  int64_t widest_ = 0;
  WordActivation activation_;
  std::vector<std::shared_ptr<Embedding>> tables_;
  std::vector<std::shared_ptr<Conv2d>> convs_;
  std::shared_ptr<Dropout> dropout_;
  std::shared_ptr<Linear> fc_;
};

}  // namespace cofactor
