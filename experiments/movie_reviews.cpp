// Movie reviews (MR): is a sentence positive or negative? (paper, section 5.2 and Figure 3)
#include "data/sets/movie_reviews.h"

#include "experiments/own_data/run_model.h"
#include "experiments/report/full_protocol.h"
#include "experiments/sweep/protocol.h"
#include "experiments/sweep/text_flags.h"

namespace {

using namespace cofactor;

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

class MovieReviewsExperiment : public Experiment {
 public:
  MovieReviewsExperiment() : Experiment(make_table()) {}

  void add_flags(Flags& flags) override {
    text_.add(flags);
    flags.add("--split-seed", split_seed_, "Seed of the split into training, validation and test");
  }

  void check_flags() const override { text_.check(MovieReviewsOptions{}.min_length); }

  ExperimentData load(const Folders& folders, const std::vector<std::string>& classes) const override {
    MovieReviews data = load_movie_reviews(folders.data, {.split_seed = split_seed_, .max_length = text_.max_length()});
    std::vector<std::string> notes = {data.source};
    const int64_t words = data.train.data->sample_shape().numel();
    const auto network = std::make_shared<const WordCnnOptions>(text_.network(data.vocabulary, notes));
    const auto model =
        std::make_shared<const RunModel>(text_model(*network, Tokeniser::kim2014, data.vocabulary, words, classes));
    SettingList settings = {{"split_seed", split_seed_}};
    for (auto& setting : text_.settings()) settings.push_back(std::move(setting));
    ExperimentData loaded{{std::move(data.train), std::move(data.validation), std::move(data.test)},
                          [network, model](uint64_t seed, Device device) {
                            Initializer init(device, seed);
                            return make_run_network(*model, init, network->vectors);
                          },
                          std::move(settings),
                          TextFlags::data_settings(*network, words),
                          std::move(notes)};
    loaded.describe = describe_runs(*model);
    return loaded;
  }

 private:
  TextFlags text_;
  uint64_t split_seed_ = MovieReviewsOptions{}.split_seed;
};

}  // namespace

int main(int argc, char** argv) {
  return run_main("movie_reviews", [&] {
    MovieReviewsExperiment experiment;
    return run_experiment(experiment, argc, argv);
  });
}
