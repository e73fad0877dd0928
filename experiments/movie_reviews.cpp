// Movie reviews (MR): is a sentence positive or negative? (paper, section 5.2 and Figure 3)
#include "data/sets/movie_reviews.h"

#include <CLI/CLI.hpp>

#include "data/checksum.h"
#include "data/text/word_vectors.h"
#include "engine/io/json.h"
#include "experiments/sweep/program.h"
#include "experiments/sweep/protocol.h"
#include "models/word_cnn.h"

namespace {

using namespace cofactor;

// Of the words that a file of vectors does not have: the same for every seed of a sweep.
constexpr uint64_t kVectorsSeed = 1;

// The flags of this experiment alone.
struct Flags {
  std::string embeddings;
  std::optional<std::string> mode;
  std::string activation = "relu";
  uint64_t split_seed = MovieReviewsOptions{}.split_seed;
  std::optional<int64_t> max_length;

  std::string embedding_mode() const { return mode.value_or(embeddings.empty() ? "random" : "non-static"); }
};

void add_flags(CLI::App& app, Flags& flags) {
  app.add_option("--embeddings", flags.embeddings,
                 "Word vectors: word2vec's binary or text file, or GloVe's text [none]")
      ->group("Text");
  app.add_option("--embedding-mode", flags.mode,
                 "random: 128 values a word, trained; from --embeddings: static, non-static (trained) or multichannel")
      ->check(CLI::IsMember({"random", "static", "non-static", "multichannel"}))
      ->default_str("random; non-static with --embeddings")
      ->group("Text");
  app.add_option("--activation", flags.activation, "relu or tanh, after the convolutions")
      ->check(CLI::IsMember({"relu", "tanh"}))
      ->capture_default_str()
      ->group("Text");
  app.add_option("--split-seed", flags.split_seed, "Deals the sentences to training, validation and test")
      ->capture_default_str()
      ->group("Text");
  app.add_option("--max-length", flags.max_length, "Words of a sentence that are read, from its first [all]")
      ->group("Text");
}

void check_flags(const Flags& flags) {
  const std::string mode = flags.embedding_mode();
  if (mode == "random" && !flags.embeddings.empty()) {
    usage("--embedding-mode random: it starts from random vectors, and --embeddings names a file of others");
  }
  if (mode != "random" && flags.embeddings.empty()) {
    usage("--embedding-mode {}: it starts from given word vectors; --embeddings names their file", mode);
  }
  const int64_t shortest = MovieReviewsOptions{}.min_length;
  if (flags.max_length && *flags.max_length < shortest) {
    usage("--max-length {}: expected at least {}, the words that the widest filter sees", *flags.max_length, shortest);
  }
}

EmbeddingMode mode_of(const std::string& name) {
  if (name == "static") return EmbeddingMode::fixed;
  if (name == "non-static") return EmbeddingMode::trained;
  return name == "multichannel" ? EmbeddingMode::multichannel : EmbeddingMode::random;
}

ExperimentData load(const std::filesystem::path& directory, const Flags& flags) {
  MovieReviews data = load_movie_reviews(directory, {.split_seed = flags.split_seed, .max_length = flags.max_length});
  std::vector<std::string> notes = {data.source};
  auto network = std::make_shared<WordCnnOptions>();
  network->vocabulary = data.vocabulary.size();
  network->activation = flags.activation == "tanh" ? WordActivation::tanh : WordActivation::relu;
  network->embedding = mode_of(flags.embedding_mode());
  if (!flags.embeddings.empty()) {
    WordVectors vectors = load_word_vectors(flags.embeddings, data.vocabulary, std::nullopt, kVectorsSeed);
    notes.push_back(fmt::format("found {} of {} words in '{}'; the others start from random vectors", vectors.found,
                                data.vocabulary.size() - Vocabulary::kFirstWord, flags.embeddings));
    network->dimension = vectors.dimension;
    network->vectors = std::move(vectors.values);
  }
  Json settings = {
      {"split_seed", flags.split_seed}, {"embedding_mode", flags.embedding_mode()}, {"activation", flags.activation}};
  if (flags.max_length) settings["max_length"] = *flags.max_length;
  // What the sentences and the file of vectors decide together.
  Json data_settings = {{"words", data.train.data->sample_shape().numel()},
                        {"vocabulary", network->vocabulary},
                        {"dimension", network->dimension}};
  if (!network->vectors.empty()) {
    const std::vector<float>& vectors = network->vectors;
    data_settings["vectors"] = checksum_text(checksum_of(vectors.data(), vectors.size() * sizeof(float)));
  }
  return {{std::move(data.train), std::move(data.validation), std::move(data.test)},
          [network](uint64_t seed, Device device) {
            Initializer init(device, seed);
            return std::make_unique<WordCnn>(init, *network);
          },
          write_json(settings),
          write_json(data_settings),
          std::move(notes)};
}

void add_hyperparameters(Experiment& table) {
  const TrainingPlan adam = {.optimizer = OptimizerKind::adam, .lr = 1e-4, .epochs = 50, .batch_size = 128};
  TrainingPlan sgd = adam;
  sgd.optimizer = OptimizerKind::sgd;
  table.pretraining = adam;
  table.pretraining.lr = 1e-3;
  table.finetuning = {{"dmi", adam}, {"gce", adam}, {"fw", adam}, {"lccn", sgd}};
  table.finetune_others(adam);
  table.loss.lccn = {.warmup_steps = 1000, .update_every = 100};
}

Experiment movie_reviews() {
  Experiment table;
  table.name = "movie_reviews";
  table.description = "Movie reviews (MR), positive against negative, under label noise (L_DMI, section 5.2, Figure 3)";
  table.paper =
      "--rate 0 to 0.9, ce, dmi, gce, fw and lccn, five seeds; vectors of 128 random values; what the\n"
      "  published code has: ce with Adam 1e-3, lccn with SGD 1e-4, the others with Adam 1e-4, batch size 128, 50\n"
      "  epochs each. The methods that the paper does not have take gce's schedule.\n"
      "The data: rt-polarity.neg and rt-polarity.pos of the sentence polarity data set v1.0, rt-polaritydata.tar.gz "
      "from\n"
      "  https://www.cs.cornell.edu/people/pabo/movie-review-data/";
  table.class_names = {"negative", "positive"};
  table.noises.assign(kMovieReviewsNoises.begin(), kMovieReviewsNoises.end());
  table.transition = movie_reviews_noise;
  const auto flags = std::make_shared<Flags>();
  table.add_flags = [flags](CLI::App& app) { add_flags(app, *flags); };
  table.check_flags = [flags] { check_flags(*flags); };
  table.load = [flags](const std::filesystem::path& directory) { return load(directory, *flags); };
  add_hyperparameters(table);
  table.default_data = movie_reviews_default_directory();
  table.default_noises = {"positive-to-negative"};
  table.default_methods = {"ce", "dmi", "gce", "fw", "lccn"};
  table.default_rates = {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
  return table;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main("movie_reviews", [&] { return run_experiment(movie_reviews(), argc, argv); });
}
