#include "experiments/sweep/text_flags.h"

#include "data/checksum.h"
#include "data/text/word_vectors.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

// Draws the vectors of words that --embeddings does not have, the same for every seed of a sweep.
constexpr uint64_t kVectorsSeed = 1;

EmbeddingMode mode_named(const std::string& name) {
  if (name == "static") return EmbeddingMode::fixed;
  if (name == "non-static") return EmbeddingMode::trained;
  return name == "multichannel" ? EmbeddingMode::multichannel : EmbeddingMode::random;
}

}  // namespace

void TextFlags::add(Flags& flags) {
  flags.start_group("Text");
  flags_ = {
      flags.add("--embeddings", embeddings_, "Word vectors: word2vec's binary or text file, or GloVe's text [none]"),
      flags
          .add("--embedding-mode", mode_,
               "random: 128 values per word, trained; from --embeddings: static, non-static (trained) or multichannel")
          .one_of({"random", "static", "non-static", "multichannel"})
          .default_text("random; non-static with --embeddings"),
      flags.add("--activation", activation_, "relu or tanh, after the convolutions").one_of({"relu", "tanh"}),
      flags.add("--max-length", max_length_, "Words of a text that are read, from its first [all]")};
}

void TextFlags::check(int64_t shortest) const {
  const std::string mode = embedding_mode();
  if (mode == "random" && !embeddings_.empty()) {
    usage("--embedding-mode random: it starts from random vectors, and --embeddings names a file of others");
  }
  if (mode != "random" && embeddings_.empty()) {
    usage("--embedding-mode {}: it starts from given word vectors; --embeddings names their file", mode);
  }
  if (max_length_ && *max_length_ < shortest) {
    usage("--max-length {}: expected at least {}, the words that the widest filter sees", *max_length_, shortest);
  }
}

std::string TextFlags::given() const {
  for (const Flag& flag : flags_)
    if (flag.given()) return flag.name();
  return {};
}

WordCnnOptions TextFlags::network(const Vocabulary& vocabulary, std::vector<std::string>& notes) const {
  WordCnnOptions network;
  network.vocabulary = vocabulary.size();
  network.activation = activation_ == "tanh" ? WordActivation::tanh : WordActivation::relu;
  network.embedding = mode_named(embedding_mode());
  if (embeddings_.empty()) return network;
  WordVectors vectors = load_word_vectors(embeddings_, vocabulary, std::nullopt, kVectorsSeed);
  notes.push_back(fmt::format("found {} of {} words in '{}'; the others start from random vectors", vectors.found,
                              vocabulary.size() - Vocabulary::kFirstWord, embeddings_));
  network.dimension = vectors.dimension;
  network.vectors = std::move(vectors.values);
  return network;
}

SettingList TextFlags::settings() const {
  SettingList list = {{"embedding_mode", embedding_mode()}, {"activation", activation_}};
  if (max_length_) list.emplace_back("max_length", *max_length_);
  return list;
}

SettingList TextFlags::data_settings(const WordCnnOptions& network, int64_t words) {
  SettingList list = {{"words", words}, {"vocabulary", network.vocabulary}, {"dimension", network.dimension}};
  if (network.vectors.empty()) return list;
  const std::vector<float>& vectors = network.vectors;
  list.emplace_back("vectors", checksum_text(checksum_of(vectors.data(), vectors.size() * sizeof(float))));
  return list;
}

}  // namespace cofactor
