#include "experiments/labels/label_report.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// One value per sample, which is the index and decides the prediction.
class Numbered : public Dataset {
 public:
  Numbered(int64_t count, bool named) : labels_(static_cast<size_t>(count), 0), named_(named) { labels_[0] = 1; }
  int64_t size() const override { return std::ssize(labels_); }
  Shape sample_shape() const override { return Shape{1}; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return 2; }
  void read(int64_t index, const RandomKey&, void* out) const override {
    *static_cast<float*>(out) = static_cast<float>(index);
  }
  std::string sample_name(int64_t index) const override { return named_ ? fmt::format("n{}", index) : ""; }

 private:
  std::vector<int32_t> labels_;
  bool named_;
};

// Class 1 has the probability 1 / (2 + index), so that each sample is known by its row.
class ByIndex : public Module {
 public:
  Tensor forward(const Tensor& x) override {
    std::vector<float> logits;
    for (const float index : x.to_vector<float>()) {
      logits.push_back(std::log(1.0f + index));
      logits.push_back(0.0f);
    }
    return Tensor::from(logits, Shape{x.dim(0), 2}, x.device());
  }
};

class Notes : public Progress {
 public:
  void start(std::string) override {}
  void advance(int64_t) override {}
  void skip(int64_t) override {}
  void note(std::string_view line) override { text += std::string(line) + '\n'; }
  void epoch(std::string_view) override {}
  void failure(std::string_view) override {}
  std::string text;
};

// Training has samples 0, 2, 4 and so on of one set, in falling order; validation the others; the test another set.
struct ReportBench {
  explicit ReportBench(const std::string& method) {
    result.experiment = "train";
    result.noise = "none";
    result.method = method;
    const auto set = std::make_shared<Numbered>(60, true);
    std::vector<int64_t> even, odd;
    for (int64_t i = 29; i >= 0; --i) {
      even.push_back(2 * i);
      odd.push_back(2 * i + 1);
    }
    parts.train = make_split(set, even);
    parts.validation = make_split(set, odd);
    parts.test = make_split(std::make_shared<Numbered>(10, false), 0, 10);
    noisy = {parts.train, parts.validation};
    Loader loader(parts.test, {.batch_size = 4, .sampler = SamplerKind::sequential, .device = Device::reference});
    test = predict(model, loader, "test");
  }
  FinishedRun run() {
    return {.result = result,
            .model = model,
            .noisy = noisy,
            .test = test,
            .folds = folds,
            .device = Device::reference,
            .workers = 0,
            .folder = folder.path(),
            .progress = notes};
  }

  TemporaryFolder folder;
  Result result;
  ByIndex model;
  LabelledParts parts;
  NoisyData noisy;
  Predictions test;
  const CrossFitted* folds = nullptr;
  Notes notes;
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("label report: samples come by data set and index with their own probabilities") {
    ReportBench bench("ce");
    const RunLabels run = labels_of_run(bench.run(), bench.parts, {"a", "b"}, QualityScore::posterior);
    const JudgedLabels& labels = run.labels;
    REQUIRE(labels.samples() == 70);
    for (int64_t i = 0; i < 70; ++i) {
      const auto sample = static_cast<size_t>(i);
      const int64_t index = i < 60 ? i : i - 60;
      CHECK(labels.ids[sample] == (i < 60 ? fmt::format("n{}", i) : fmt::format("{}", index + 1)));
      CHECK(labels.predictions().row(i)[1] == doctest::Approx(1.0 / static_cast<double>(2 + index)));
      CHECK(labels.part[sample] == (i >= 60      ? SamplePart::test
                                    : i % 2 == 0 ? SamplePart::training
                                                 : SamplePart::validation));
      CHECK(labels.given[sample] == (index == 0 ? 1 : 0));
      CHECK(run.samples[sample].index == index);
      CHECK(run.samples[sample].data == (i < 60 ? bench.parts.train.data.get() : bench.parts.test.data.get()));
      CHECK(labels.fold[sample] == 0);
    }
    CHECK_FALSE(labels.out_of_sample);
    CHECK(labels.outputs == Outputs::given_label);
    ReportBench dmi("dmi");
    CHECK(labels_of_run(dmi.run(), dmi.parts, {"a", "b"}, QualityScore::self_confidence).labels.outputs ==
          Outputs::true_class);
  }

  TEST_CASE("label report: folds and samples without a label and confirmed labels are taken over") {
    ReportBench bench("ce");
    bench.parts.unlabelled = make_split(bench.parts.test.data, 3, 2);
    bench.parts.train_confirmed.assign(30, 0);
    bench.parts.train_confirmed[29] = 1;  // sample 0, whose label is wrong
    CrossFitted found;
    const auto rows = [](size_t count, float second) {
      std::vector<float> all;
      for (size_t i = 0; i < count; ++i) all.insert(all.end(), {1.0f - second, second});
      return all;
    };
    found.train_fold.assign(30, 2);
    found.validation_fold.assign(30, 3);
    found.train = rows(30, 0.125f);
    found.validation = rows(30, 0.25f);
    found.test = rows(10, 0.375f);
    found.unlabelled = rows(2, 0.5f);
    bench.folds = &found;
    const JudgedLabels labels =
        labels_of_run(bench.run(), bench.parts, {"a", "b"}, QualityScore::self_confidence).labels;
    REQUIRE(labels.samples() == 72);
    CHECK(labels.out_of_sample);
    CHECK(labels.score == QualityScore::self_confidence);
    CHECK(labels.labelled() == 70);
    for (int64_t i = 0; i < 72; ++i) {
      const auto sample = static_cast<size_t>(i);
      const float expected = labels.part[sample] == SamplePart::training     ? 0.125f
                             : labels.part[sample] == SamplePart::validation ? 0.25f
                             : labels.part[sample] == SamplePart::test       ? 0.375f
                                                                             : 0.5f;
      CHECK(labels.predictions().row(i)[1] == expected);
      CHECK(labels.fold[sample] == (i >= 60 ? 0 : i % 2 == 0 ? 2 : 3));
      CHECK(labels.kept[sample] == (i == 0 ? 1 : 0));
      if (labels.part[sample] == SamplePart::unlabelled) CHECK(labels.given[sample] == kMissingLabel);
    }
    CHECK(judge(labels).suspect[0] == 0);
  }

  TEST_CASE("label report: labels that are known to be right are left out and all files are written") {
    ReportBench bench("dmi");
    bench.parts.clean_test = true;
    const RunLabels run = labels_of_run(bench.run(), bench.parts, {"a", "b"}, QualityScore::posterior);
    CHECK(run.labels.samples() == 60);
    report_labels(bench.run(), run.labels, true, {});
    for (const char* name : {"labels.csv", "suspects.csv", "probabilities.npy", "joint.csv", "transition.csv",
                             "per_class.csv", "report.html"})
      CHECK_MESSAGE(std::filesystem::exists(bench.folder / name), name);
    CHECK(bench.folder.count() == 7);
    CHECK(read_file(bench.folder / "per_class.csv").starts_with("class,labelled"));
    CHECK(contains(read_file(bench.folder / "report.html"), "<title>Labels: train, none, rate 0, dmi, seed 0</title>"));
    CHECK(contains(bench.notes.text, "of 60 labels are wrong"));
    CHECK(contains(bench.notes.text, "report.html"));
    CHECK_FALSE(contains(bench.notes.text, "which may be wrong themselves"));
  }
}
