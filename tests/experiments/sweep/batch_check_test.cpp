#include "experiments/sweep/batch_check.h"

#include <doctest/doctest.h>

#include "data/class_coverage.h"
#include "tests/experiments/process.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Labels alone: `sizes[c]` samples of each class.
Split split_of(const std::vector<int64_t>& sizes) {
  std::vector<int32_t> labels;
  for (size_t c = 0; c < sizes.size(); ++c)
    labels.insert(labels.end(), static_cast<size_t>(sizes[c]), static_cast<int32_t>(c));
  const auto samples = std::ssize(labels);
  const auto data =
      std::make_shared<ImageArray>(std::vector<uint8_t>(labels.size()), Shape{1, 1, 1}, std::move(labels),
                                   std::ssize(sizes), std::vector<float>{0.5f}, std::vector<float>{0.25f});
  return make_split(data, 0, samples);
}

class ManyClasses : public Experiment {
 public:
  explicit ManyClasses(int64_t classes) : Experiment(table(classes)), classes_(classes) {}
  Transition transition(const std::vector<std::string>&, std::string_view, double rate) const override {
    return uniform_noise(classes_, rate);
  }
  ExperimentData load(const Folders&, const std::vector<std::string>&) const override { return small_data(); }

 private:
  static ExperimentTable table(int64_t classes) {
    ExperimentTable table = small_table();
    table.class_names.clear();
    for (int64_t c = 0; c < classes; ++c) table.class_names.push_back(fmt::format("{}", c));
    table.noises = {"uniform"};
    table.default_noises = {"uniform"};
    return table;
  }
  int64_t classes_;
};

RunOptions options_of(ManyClasses& experiment, std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"small", "--device", "reference"});
  std::vector<const char*> words;
  for (const std::string& flag : flags) words.push_back(flag.c_str());
  return parse_options(experiment, static_cast<int>(words.size()), words.data()).value();
}

std::string said(const std::vector<int64_t>& sizes, const std::vector<std::string>& flags) {
  ManyClasses experiment(std::ssize(sizes));
  const RunOptions options = options_of(experiment, flags);
  const auto notes = check_classes_in_batches(experiment, options, split_of(sizes));
  CHECK(notes.size() <= 1);
  return notes.empty() ? "" : notes.front();
}

int64_t number_after(const std::string& text, const std::string& words) {
  const size_t place = text.find(words);
  REQUIRE(place != std::string::npos);
  return std::stoll(text.substr(place + words.size()));
}

const std::vector<int64_t> kHundred(100, 50);

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("batch check: batches smaller than the number of classes are refused and a logical batch is proposed") {
    const std::string refusal = error_of([] { said(kHundred, {"--batch-size", "16"}); });
    CAPTURE(refusal);
    CHECK(contains(refusal, "--batch-size 16: dmi needs every class in a batch, and there are 100; --dmi-batch "));
    CHECK(contains(refusal, "computed in parts of at most 16"));
    const int64_t proposed = number_after(refusal, "--dmi-batch ");
    const int64_t stratified = number_after(refusal, "with --sampler stratified, --dmi-batch ");
    CHECK(stratified == 100);
    // What is proposed is neither refused nor worth a note.
    CHECK(said(kHundred, {"--batch-size", "16", "--dmi-batch", fmt::format("{}", proposed)}).empty());
    CHECK(said(kHundred, {"--batch-size", "16", "--sampler", "stratified", "--dmi-batch", "100"}).empty());
    CHECK(contains(error_of([] { said(kHundred, {"--dmi-batch", "99"}); }), "--dmi-batch 99: dmi needs every class"));
    CHECK(error_of([] { said(kHundred, {"--batch-size", "16", "--method", "ce"}); }).empty());
  }

  TEST_CASE("batch check: batches that seldom hold every class are said before training with the probability") {
    const std::string note = said(kHundred, {"--batch-size", "400", "--rate", "0"});
    CAPTURE(note);
    const std::string share = fmt::format("{:.1f}%", 100.0 * coverage_probability(kHundred, 400));
    CHECK(contains(note, "--batch-size 400: " + share));
    CHECK(contains(note, "% of the batches are expected to hold all 100 classes (uniform, rate 0)"));
    CHECK(contains(note, "and dmi skips the others; --dmi-batch "));
    CHECK(said(kHundred, {"--batch-size", "1000"}).empty());
    const std::string too_small = said(kHundred, {"--batch-size", "16", "--dmi-batch", "400", "--rate", "0"});
    CHECK(contains(too_small, "--dmi-batch 400: " + share));
  }

  TEST_CASE("batch check: the noise's expected class sizes count and the worst cell is named") {
    const std::vector<int64_t> rare = {480, 480, 40};
    CHECK(said(rare, {"--batch-size", "90", "--rate", "0.5"}).empty());
    const std::string note = said(rare, {"--batch-size", "40", "--rate", "0.5,0,0.2"});
    CHECK(contains(note, "(uniform, rate 0)"));
    CHECK(contains(said(rare, {"--batch-size", "40", "--noise", "none"}), "(none)"));
  }

  TEST_CASE("batch check: stratified batches are judged as they are dealt") {
    const std::vector<int64_t> rare = {480, 480, 40};
    CHECK(said(rare, {"--batch-size", "25", "--sampler", "stratified", "--rate", "0"}).empty());
    const std::string note = said(rare, {"--batch-size", "10", "--sampler", "stratified", "--rate", "0"});
    CHECK(contains(note, "--batch-size 10: 40.0% of the batches"));
    CHECK(contains(note, "--dmi-batch 25, computed in parts of at most 10, holds every class"));
    CHECK(!contains(note, "probability"));
  }

  TEST_CASE("batch check: a class that only the whole training set surely holds") {
    const std::string note = said({500, 499, 1}, {"--batch-size", "100", "--rate", "0"});
    CHECK(contains(note, "--batch-size 100: 10.0% of the batches"));
    CHECK(contains(note,
                   "--dmi-batch 1000, computed in parts of at most 100, holds every class with probability 100.0%"));
  }
}
