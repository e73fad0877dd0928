#include "experiments/derive/loss_example.h"

#include <cmath>

#include "data/noise/synthetic.h"
#include "engine/io/utf8.h"
#include "experiments/derive/derivation.h"
#include "experiments/derive/input.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

constexpr std::string_view kUniformKind = "uniform", kSymmetricKind = "symmetric";

// Rounded to two decimals, so that the printed logits are all that a calculation by hand needs.
double rounded(double value) {
  return std::round(value * 100.0) / 100.0;
}

Formula noise_formula(const std::string& kind) {
  if (kind == kUniformKind) return {"T = (1 - r) I + r / C", "T = (1 - r) I + r / C"};
  return {"T_cc = 1 - r, T_cy = r / (C - 1) elsewhere",
          "T_{cc} = 1 - r, \\quad T_{cy} = r / (C - 1) \\text{ elsewhere}"};
}

Numbers noise_numbers(const std::string& kind, int64_t classes, double rate) {
  const auto count = static_cast<double>(classes);
  Numbers t({classes, classes});
  for (int64_t c = 0; c < classes; ++c) {
    for (int64_t y = 0; y < classes; ++y) {
      if (kind == kUniformKind)
        t.at(c, y) = (c == y ? 1.0 - rate : 0.0) + rate / count;
      else
        t.at(c, y) = c == y ? 1.0 - rate : rate / (count - 1.0);
    }
  }
  return t;
}

}  // namespace

Batch LossExample::batch() const {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < samples(); ++i) indices.push_back(i);
  return {.inputs = {},
          .labels = Tensor::from(labels, {samples()}, kHost),
          .host_labels = labels,
          .indices = std::move(indices)};
}

ExampleFlags::ExampleFlags(Flags& flags, double default_rate) : default_rate_(default_rate) {
  flags.start_group("Example");
  const Flag classes = flags.add("--classes", classes_, "Number of classes C");
  const Flag samples = flags.add("--samples", samples_, "Number of samples N");
  flags.add("--seed", seed_, "Decides the logits, the labels and the noise");
  flags.add("--noise", rate_, "Rate of the noise through which the labels are drawn, in [0, 1]")
      .default_text(fmt::format("{:g}", default_rate));
  flags.add("--noise-kind", kind_, "uniform: T = (1 - r) I + r / C; symmetric: r / (C - 1) off the diagonal")
      .one_of({std::string(kUniformKind), std::string(kSymmetricKind)});
  flags.add("--input", input_, "CSV file with your own samples, as described below")
      .excludes(classes)
      .excludes(samples);
  flags.footer(
      "The file of --input:\n"
      "  a header row; then a row for each sample, of numbers from -10000 to 10000.\n"
      "  A column for each class has its logits, in the order of the classes. The column 'label'\n"
      "  has the number of the class, from 0. Labels are taken as they are, unless --noise is given.\n"
      "      cat,dog,label\n"
      "      2.5,0.3,0\n"
      "      -1,0.25,1");
}

void ExampleFlags::check_sizes() const {
  if (classes_ < 2) usage("--classes {}: a loss needs at least 2 classes", classes_);
  if (samples_ < 1) usage("--samples {}: a walk needs at least 1 sample", samples_);
  if (classes_ > kMostNumbers || samples_ > kMostNumbers || classes_ * samples_ > kMostNumbers)
    usage("--samples {} --classes {}: a walk prints every number, so samples times classes may be at most {}", samples_,
          classes_, kMostNumbers);
  if (classes_ * classes_ > kMostNumbers)
    usage("--classes {}: a walk prints every number of a C x C matrix, which may have at most {}", classes_,
          kMostNumbers);
}

LossExample ExampleFlags::drawn() const {
  check_sizes();
  LossExample example;
  example.logits = Numbers({samples_, classes_});
  const RandomKey key{.seed = seed_, .purpose = Purpose::weights};
  for (int64_t i = 0; i < samples_; ++i) {
    const int64_t label = i % classes_;
    example.labels.push_back(static_cast<int32_t>(label));
    for (int64_t c = 0; c < classes_; ++c) {
      const auto position = static_cast<uint64_t>(i * classes_ + c);
      example.logits.at(i, c) = rounded(random_normal(key, position) + (c == label ? 1.5 : 0.0));
    }
  }
  return example;
}

void ExampleFlags::add_noise(LossExample& example) const {
  const double rate = rate_.value_or(input_ ? 0.0 : default_rate_);
  if (!(rate >= 0.0 && rate <= 1.0)) usage("--noise {}: expected a rate in [0, 1]", rate);
  if (rate == 0.0) return;
  example.kind = kind_;
  example.rate = rate;
  example.noise =
      kind_ == kUniformKind ? uniform_noise(example.classes(), rate) : symmetric_noise(example.classes(), rate);
  example.clean = example.labels;
  example.labels =
      example.noise->draw_labels(example.clean, example.batch().indices, {.seed = seed_, .purpose = Purpose::labels});
}

LossExample ExampleFlags::make() const {
  LossExample example;
  if (!input_) {
    example = drawn();
    example.source = fmt::format("Logits and labels drawn with seed {}.", seed_);
  } else {
    LabelledNumbers read = read_labelled(*input_);
    example.source = fmt::format("Logits and labels of '{}'.", printable(*input_));
    example.logits = std::move(read.numbers);
    example.labels = std::move(read.labels);
    check(example.classes() * example.classes() <= kMostNumbers,
          "{}: {} classes; a walk prints every number of a C x C matrix, which may have at most {}", printable(*input_),
          example.classes(), kMostNumbers);
  }
  example.seed = seed_;
  add_noise(example);
  return example;
}

void walk_example(Walk& walk, const LossExample& example) {
  walk.given("Logits, one row per sample", {"z", "z"}, example.logits);
  if (!example.noise) {
    walk.given("Labels", {"y", "y"}, label_numbers(example.labels));
    return;
  }
  walk.given("True labels", {"y*", "y^\\ast"}, label_numbers(example.clean));
  walk.value(fmt::format("Noise of rate r = {:g}: the probability of label y for class c", example.rate), {"T", "T"},
             noise_formula(example.kind), noise_numbers(example.kind, example.classes(), example.rate),
             example.noise->tensor());
  walk.given("Labels, each drawn from the row of T that belongs to the true label", {"y", "y"},
             label_numbers(example.labels));
}

Numbers label_numbers(const std::vector<int32_t>& labels) {
  return {Shape{static_cast<int64_t>(labels.size())}, {labels.begin(), labels.end()}};
}

}  // namespace cofactor
