// The flags of WordCNN and of the texts that it reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/text/vocabulary.h"
#include "experiments/sweep/experiment_data.h"
#include "experiments/sweep/flags.h"
#include "models/word_cnn.h"

namespace cofactor {

class TextFlags {
 public:
  // --embeddings, --embedding-mode, --activation and --max-length, under the heading "Text".
  void add(Flags& flags);
  // Throws UsageError where they contradict each other, and for texts that are cut below `shortest` words.
  void check(int64_t shortest) const;
  // The first of the flags that was given; empty: none.
  std::string given() const;

  std::optional<int64_t> max_length() const { return max_length_; }
  // The network for a vocabulary, with the vectors of --embeddings. `notes` gets how many of the words have one. Throws
  // Error as load_word_vectors does.
  WordCnnOptions network(const Vocabulary& vocabulary, std::vector<std::string>& notes) const;
  // What decides results: of the flags.
  SettingList settings() const;
  // And of the data, for texts of so many words.
  static SettingList data_settings(const WordCnnOptions& network, int64_t words);

 private:
  std::string embedding_mode() const { return mode_.value_or(embeddings_.empty() ? "random" : "non-static"); }

  std::string embeddings_;
  std::optional<std::string> mode_;
  std::string activation_ = "relu";
  std::optional<int64_t> max_length_;
  std::vector<Flag> flags_;
};

}  // namespace cofactor
