// WordCNN (Kim 2014, Convolutional neural networks for sentence classification), the network of the paper's experiment
// on MR (section 5.2).
#pragma once

#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/embedding.h"
#include "layers/linear.h"

namespace cofactor {

// How the word vectors are initialised and trained (Kim's CNN-rand, static, non-static and multichannel).
enum class EmbeddingMode {
  random,        // random initial vectors, trained
  fixed,         // given vectors, not trained
  trained,       // given vectors, trained
  multichannel,  // both of the last two: the vector of a word is their concatenation
};
enum class WordActivation { relu, tanh };

struct WordCnnOptions {
  int64_t vocabulary = 0;                   // number of word indices, including padding and the unknown word
  int64_t dimension = 128;                  // of a word vector
  std::vector<int64_t> widths = {3, 4, 5};  // of the filters, in words
  int64_t maps = 100;                       // number of filters of each width
  int64_t classes = 2;
  double dropout = 0.5;
  WordActivation activation = WordActivation::relu;
  EmbeddingMode embedding = EmbeddingMode::random;
  std::vector<float> vectors = {};  // (vocabulary, dimension), row-major; for random, empty
};

// Word indices x (N, L) in i32, with L at least the widest filter, to logits (N, classes): embedding to (N, 1, L, D);
// for each width a convolution over 1 x width words, the activation, and the maximum over all positions; the
// concatenation of the maxima, dropout, and a linear layer. Parameters: embed.weight (a buffer if it is fixed;
// multichannel has the buffer embed_fixed.weight too), convs.0.weight (in files (maps, D, 1, width)), convs.0.bias,
// ..., fc.weight, fc.bias. Throws Error if x has another shape or dtype, an extent is below 1, or `vectors` does not go
// with the mode.
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
