// Movie reviews (MR): is a sentence positive or negative? (paper, section 5.2 and Figure 3)
#include "data/sets/movie_reviews.h"

#include "data/checksum.h"
#include "data/text/word_vectors.h"
#include "experiments/own_data/run_model.h"
#include "experiments/report/full_protocol.h"
#include "experiments/sweep/protocol.h"
#include "models/word_cnn.h"

namespace {

using namespace cofactor;

// Draws the vectors of words that --embeddings does not have, the same for every seed of a sweep.
constexpr uint64_t kVectorsSeed = 1;

ExperimentTable make_table() {
  ExperimentTable table;
  table.name = "movie_reviews";
  table.description = "Movie reviews (MR), positive against negative, under label noise (L_DMI, section 5.2, Figure 3)";
  table.paper =
      "--rate 0 to 0.9, ce, dmi, gce, fw and lccn, five seeds; word vectors of 128 random values. From\n"
      "  the published code: ce with Adam 1e-3, lccn with SGD 1e-4, the others with Adam 1e-4, batch size\n"
      "  128, 50 epochs each. Methods that the paper does not have take the schedule of gce.\n"
      "The data: rt-polarity.neg and rt-polarity.pos of the sentence polarity data set v1.0,\n"
      "  rt-polaritydata.tar.gz from https://www.cs.cornell.edu/people/pabo/movie-review-data/";
  table.class_names = {"negative", "positive"};
  table.noises = {"positive-to-negative"};
  const TrainingPlan adam = {.optimizer = OptimizerKind::adam,
                             .lr = 1e-4,
                             .epochs = full_protocol(table.name).pretraining_epochs,
                             .batch_size = 128};
  TrainingPlan sgd = adam;
  sgd.optimizer = OptimizerKind::sgd;
  table.pretraining = adam;
  table.pretraining.lr = 1e-3;
  table.finetuning = {{"dmi", adam}, {"gce", adam}, {"fw", adam}, {"lccn", sgd}};
  table.finetune_others(adam);
  table.loss = {{"lccn", {{"warmup_steps", 1000}, {"update_every", 100}}}};
  table.default_data = movie_reviews_default_directory();
  table.default_noises = {"positive-to-negative"};
  table.default_methods = {"ce", "dmi", "gce", "fw", "lccn"};
  table.default_rates = {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
  return table;
}

EmbeddingMode mode_named(const std::string& name) {
  if (name == "static") return EmbeddingMode::fixed;
  if (name == "non-static") return EmbeddingMode::trained;
  return name == "multichannel" ? EmbeddingMode::multichannel : EmbeddingMode::random;
}

class MovieReviewsExperiment : public Experiment {
 public:
  MovieReviewsExperiment() : Experiment(make_table()) {}

  void add_flags(Flags& flags) override {
    flags.start_group("Text");
    flags.add("--embeddings", embeddings_, "Word vectors: word2vec's binary or text file, or GloVe's text [none]");
    flags
        .add("--embedding-mode", mode_,
             "random: 128 values per word, trained; from --embeddings: static, non-static (trained) or multichannel")
        .one_of({"random", "static", "non-static", "multichannel"})
        .default_text("random; non-static with --embeddings");
    flags.add("--activation", activation_, "relu or tanh, after the convolutions").one_of({"relu", "tanh"});
    flags.add("--split-seed", split_seed_, "Seed of the split into training, validation and test");
    flags.add("--max-length", max_length_, "Words of a sentence that are read, from its first [all]");
  }

  void check_flags() const override {
    const std::string mode = embedding_mode();
    if (mode == "random" && !embeddings_.empty()) {
      usage("--embedding-mode random: it starts from random vectors, and --embeddings names a file of others");
    }
    if (mode != "random" && embeddings_.empty()) {
      usage("--embedding-mode {}: it starts from given word vectors; --embeddings names their file", mode);
    }
    const int64_t shortest = MovieReviewsOptions{}.min_length;
    if (max_length_ && *max_length_ < shortest) {
      usage("--max-length {}: expected at least {}, the words that the widest filter sees", *max_length_, shortest);
    }
  }

  ExperimentData load(const Folders& folders, const std::vector<std::string>& classes) const override {
    MovieReviews data = load_movie_reviews(folders.data, {.split_seed = split_seed_, .max_length = max_length_});
    std::vector<std::string> notes = {data.source};
    const auto network = std::make_shared<const WordCnnOptions>(network_options(data.vocabulary, notes));
    // What the sentences and the file of vectors decide together.
    SettingList data_settings = {{"words", data.train.data->sample_shape().numel()},
                                 {"vocabulary", network->vocabulary},
                                 {"dimension", network->dimension}};
    if (!network->vectors.empty()) {
      const std::vector<float>& vectors = network->vectors;
      data_settings.emplace_back("vectors", checksum_text(checksum_of(vectors.data(), vectors.size() * sizeof(float))));
    }
    const auto model = std::make_shared<const RunModel>(run_model(data, *network, classes));
    ExperimentData loaded{{std::move(data.train), std::move(data.validation), std::move(data.test)},
                          [network, model](uint64_t seed, Device device) {
                            Initializer init(device, seed);
                            return make_run_network(*model, init, network->vectors);
                          },
                          settings(),
                          std::move(data_settings),
                          std::move(notes)};
    loaded.describe = describe_runs(*model);
    return loaded;
  }

 private:
  std::string embedding_mode() const { return mode_.value_or(embeddings_.empty() ? "random" : "non-static"); }

  WordCnnOptions network_options(const Vocabulary& vocabulary, std::vector<std::string>& notes) const {
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

  static RunModel run_model(const MovieReviews& data, const WordCnnOptions& network,
                            const std::vector<std::string>& classes) {
    TextInput text{.network = network, .length = data.train.data->sample_shape().numel()};
    text.network.vectors.clear();
    for (int32_t i = Vocabulary::kFirstWord; i < data.vocabulary.size(); ++i)
      text.words.push_back(data.vocabulary.word(i));
    return {.network = "word_cnn", .classes = classes, .input = std::move(text)};
  }

  SettingList settings() const {
    SettingList list = {{"split_seed", split_seed_}, {"embedding_mode", embedding_mode()}, {"activation", activation_}};
    if (max_length_) list.emplace_back("max_length", *max_length_);
    return list;
  }

  std::string embeddings_;
  std::optional<std::string> mode_;
  std::string activation_ = "relu";
  uint64_t split_seed_ = MovieReviewsOptions{}.split_seed;
  std::optional<int64_t> max_length_;
};

}  // namespace

int main(int argc, char** argv) {
  return run_main("movie_reviews", [&] {
    MovieReviewsExperiment experiment;
    return run_experiment(experiment, argc, argv);
  });
}
