// Every number that docs/derivations.md and docs/derivations_baselines.md state about a formula, compared with what
// derive computes. Where a page has the number in a table, it is read from there.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "engine/io/file.h"
#include "engine/io/text.h"
#include "tests/experiments/derive/parsed_walk.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

using Words = std::vector<std::string>;

// Samples whose outputs are certain, or nearly so.
class Samples {
 public:
  // One row of logits and its label.
  void add(const std::vector<double>& logits, int label) {
    if (rows_.empty()) {
      for (size_t c = 0; c < logits.size(); ++c) rows_ += fmt::format("z{},", c);
      rows_ += "label\n";
    }
    for (const double z : logits) rows_ += fmt::format("{},", z);
    rows_ += fmt::format("{}\n", label);
  }
  // `count` samples that are put into class `output` with certainty and labelled `label`.
  void add_certain(int count, int classes, int output, int label) {
    std::vector<double> logits(static_cast<size_t>(classes), 0.0);
    logits[static_cast<size_t>(output)] = 1000.0;
    for (int i = 0; i < count; ++i) add(logits, label);
  }
  Walk walk(const std::string& subject, Words words = {}) const {
    const TemporaryFolder folder;
    write_file_atomically(folder.path() / "samples.csv", rows_);
    words.insert(words.begin(), {"--input", (folder.path() / "samples.csv").string()});
    return walk_of(subject, words);
  }

 private:
  std::string rows_;
};

double value_of(const Walk& walk, const std::string& symbol) {
  const Step& step = step_of(walk, symbol);
  REQUIRE(step.engine.size() == 1);
  return step.engine[0];
}

// As many samples of each class as `count`, each in the class that `output` gives.
Samples perfect(int classes, int count, const std::vector<int>& output) {
  Samples samples;
  for (int y = 0; y < classes; ++y) samples.add_certain(count, classes, output[static_cast<size_t>(y)], y);
  return samples;
}

std::vector<int> identity(int classes) {
  std::vector<int> order;
  for (int c = 0; c < classes; ++c) order.push_back(c);
  return order;
}

// The cells of the first table row of a page that begins with this text, but for the first cell.
std::vector<double> documented(const std::string& page, const std::string& row) {
  std::istringstream lines(read_file(std::filesystem::path(COFACTOR_SOURCE_DIR) / "docs" / page));
  std::string line;
  while (std::getline(lines, line)) {
    if (!line.starts_with("| " + row)) continue;
    std::istringstream cells(line.substr(line.find('|', 1) + 1));
    std::string cell;
    std::vector<double> values;
    while (std::getline(cells, cell, '|')) values.push_back(std::stod(cell));
    return values;
  }
  FAIL("no row of " << page << " begins with " << row);
  return {};
}

// The mutual information of a joint distribution, in nats.
double mutual_information(const Step& u) {
  const auto classes = static_cast<size_t>(u.numbers.rows());
  const std::vector<double>& q = u.engine;
  double information = 0.0;
  for (size_t r = 0; r < classes; ++r) {
    for (size_t c = 0; c < classes; ++c) {
      double row = 0.0, column = 0.0;
      for (size_t k = 0; k < classes; ++k) {
        row += q[r * classes + k];
        column += q[k * classes + c];
      }
      const double both = q[r * classes + c];
      if (both > 0.0) information += both * std::log(both / (row * column));
    }
  }
  return information;
}

// h and h' of section 7 on 40 samples: how many of each pair (output, label), by rows.
Walk joint(const std::vector<int>& counts) {
  Samples samples;
  for (int output = 0; output < 2; ++output)
    for (int label = 0; label < 2; ++label)
      samples.add_certain(counts[static_cast<size_t>(2 * output + label)], 2, output, label);
  return samples.walk("dmi");
}

// All entries of two steps' numbers by the engine, with a factor between them.
void check_ratio(const Step& a, const Step& b, double ratio, double tolerance = 1e-9) {
  REQUIRE(a.engine.size() == b.engine.size());
  for (size_t i = 0; i < a.engine.size(); ++i)
    CHECK(std::abs(a.engine[i] - ratio * b.engine[i]) <= tolerance * largest(a.engine));
}

}  // namespace

TEST_SUITE("gradient") {
  TEST_CASE("documented: softmax has a gradient whose rows sum to 0 (section 1)") {
    const Walk walk = walk_of("softmax");
    int gradients = 0;
    for (const Step& step : walk.steps()) {
      if (step.kind != Step::Kind::gradient) continue;
      ++gradients;
      for (size_t row = 0; row < 9; row += 3)
        CHECK(std::abs(step.engine[row] + step.engine[row + 1] + step.engine[row + 2]) < 1e-15);
    }
    CHECK(gradients == 2);
  }

  TEST_CASE("documented: cross entropy of equal logits is log C (section 2)") {
    for (const int classes : {2, 3, 10}) {
      Samples samples;
      samples.add(std::vector<double>(static_cast<size_t>(classes), 0.0), 1);
      const Walk walk = samples.walk("ce");
      CHECK(value_of(walk, "loss") == doctest::Approx(std::log(classes)).epsilon(1e-12));
      CHECK(step_of(walk, "dL/dz").engine[1] == doctest::Approx(1.0 / classes - 1.0).epsilon(1e-12));
    }
  }

  TEST_CASE("documented: L_DMI without division by N is lower by C log N with the same gradient (section 4)") {
    const Walk divided = walk_of("dmi", {"--samples", "9"}), sum = walk_of("dmi", {"--samples", "9", "--no-normalize"});
    CHECK(value_of(divided, "loss") - value_of(sum, "loss") == doctest::Approx(3.0 * std::log(9.0)).epsilon(1e-12));
    check_ratio(step_of(divided, "dL/dz"), step_of(sum, "dL/dz"), 1.0, 1e-12);
  }

  TEST_CASE("documented: smoothing multiplies the gradient by |det U| / (|det U| + epsilon) (section 4)") {
    const Walk exact = walk_of("dmi"), smoothed = walk_of("dmi", {"--epsilon", "0.001"});
    const double determinant = value_of(exact, "|det U|");
    for (const std::string symbol : {"dL/dU", "g = dL/dO", "dL/dz"})
      check_ratio(step_of(smoothed, symbol), step_of(exact, symbol), determinant / (determinant + 0.001));
    // Ten balanced classes: at best 1e-10, of which 1e-7 is left.
    const Samples ten = perfect(10, 1, identity(10));
    const Walk best = ten.walk("dmi");
    CHECK(value_of(best, "|det U|") == doctest::Approx(1e-10).epsilon(1e-12));
    check_ratio(step_of(ten.walk("dmi", {"--epsilon", "0.001"}), "dL/dU"), step_of(best, "dL/dU"),
                1e-10 / (1e-10 + 1e-3));
    CHECK(std::pow(30.0, -30.0) < 1.2e-38);  // below the smallest normal f32
  }

  TEST_CASE("documented: without a class the smoothed L_DMI is -log epsilon and its gradient exactly 0 (section 5)") {
    Samples samples;
    samples.add({1.0, 2.0, 0.5}, 0);
    samples.add({0.0, -1.0, 0.25}, 2);
    samples.add({3.0, 1.0, -1.0}, 2);
    for (const std::string epsilon : {"1e-9", "0.001", "1"}) {
      const Walk walk = samples.walk("dmi", {"--epsilon", epsilon});
      CHECK(value_of(walk, "loss") == doctest::Approx(-std::log(std::stod(epsilon))).epsilon(1e-12));
      for (const double slope : step_of(walk, "dL/dz").engine) CHECK(slope == 0.0);
      const Numbers& by_u = step_of(walk, "dL/dU").numbers;
      for (int64_t row = 0; row < 3; ++row) CHECK((by_u.at(row, 0) == 0.0 && by_u.at(row, 2) == 0.0));
    }
  }

  TEST_CASE("documented: L_DMI is at least C log C and a permutation of the outputs leaves it (section 6)") {
    for (const int classes : {2, 3, 10}) {
      const double least = classes * std::log(classes);
      CHECK(value_of(perfect(classes, 2, identity(classes)).walk("dmi"), "loss") ==
            doctest::Approx(least).epsilon(1e-12));
      std::vector<int> rotated = identity(classes);
      std::rotate(rotated.begin(), rotated.begin() + 1, rotated.end());
      CHECK(value_of(perfect(classes, 2, rotated).walk("dmi"), "loss") == doctest::Approx(least).epsilon(1e-12));
      CHECK(value_of(walk_of("dmi", {"--classes", std::to_string(classes), "--samples", "20"}), "loss") > least);
    }
    CHECK(2.0 * std::log(2.0) == doctest::Approx(1.386).epsilon(1e-3));
    CHECK(10.0 * std::log(10.0) == doctest::Approx(23.03).epsilon(1e-3));
    // Unbalanced: -sum log p_c.
    Samples samples;
    samples.add_certain(3, 2, 0, 0);
    samples.add_certain(1, 2, 1, 1);
    CHECK(value_of(samples.walk("dmi"), "loss") == doctest::Approx(-std::log(0.75) - std::log(0.25)).epsilon(1e-12));
  }

  TEST_CASE("documented: mutual information reverses the order of two classifiers and DMI keeps it (section 7)") {
    // Q and Q' by 40 samples, and Q T and Q' T.
    const std::vector<Walk> walks = {joint({20, 6, 0, 14}), joint({12, 0, 8, 20}), joint({23, 3, 7, 7}),
                                     joint({12, 0, 18, 10})};
    const std::vector<double> information = documented("derivations.md", "mutual information (nats)");
    const std::vector<double> dmi = documented("derivations.md", "DMI, the absolute determinant");
    REQUIRE(information.size() == 4);
    REQUIRE(dmi.size() == 4);
    for (size_t k = 0; k < 4; ++k) {
      CAPTURE(k);
      CHECK(std::abs(mutual_information(step_of(walks[k], "U")) - information[k]) <= 0.0005);
      CHECK(std::abs(value_of(walks[k], "|det U|") - dmi[k]) <= 1e-12);
    }
    CHECK((information[0] > information[1] && information[2] < information[3]));
    CHECK((dmi[0] > dmi[1] && dmi[2] > dmi[3]));
    // |det T| = 0.5: noise adds log 2 to the loss of every classifier.
    for (size_t k = 0; k < 2; ++k)
      CHECK(value_of(walks[k + 2], "loss") - value_of(walks[k], "loss") ==
            doctest::Approx(std::log(2.0)).epsilon(1e-12));
  }

  TEST_CASE("documented: batch norm's gradient is orthogonal to 1 and to the normalised values (section 9)") {
    const Walk walk = walk_of("batch_norm", {"--samples", "6", "--channels", "1", "--epsilon", "1e-12"});
    const Step &dx = step_of(walk, "dL/dx"), &n = step_of(walk, "n");
    double total = 0.0, along = 0.0;
    for (size_t r = 0; r < 6; ++r) {
      total += dx.engine[r];
      along += dx.engine[r] * n.engine[r];
    }
    CHECK(std::abs(total) < 1e-10);
    CHECK(std::abs(along) < 1e-10);
  }

  TEST_CASE("documented: each loss of the label's probability is cross entropy's gradient with a weight (baselines)") {
    Samples samples;  // one sample
    samples.add({0.3, -0.8, 1.1}, 1);
    const Walk ce = samples.walk("ce");
    const double p = step_of(ce, "p").engine[1];
    const auto check_weight = [&](const Walk& walk, double weight) {
      check_ratio(step_of(walk, "dL/dz"), step_of(ce, "dL/dz"), weight, 1e-12);
    };
    check_weight(samples.walk("gce", {"--q", "0.7"}), std::pow(p, 0.7));
    check_weight(samples.walk("mae"), 2.0 * p);
    check_weight(samples.walk("sce", {"--sce-alpha", "0.1", "--sce-beta", "1", "--sce-log-zero", "-4"}), 0.1 + 4.0 * p);
    // With a constant target, soft bootstrapping's gradient would be beta times cross entropy's: it is not.
    const Walk soft = samples.walk("bootstrap-soft", {"--soft-beta", "0.5"});
    CHECK(std::abs(step_of(soft, "dL/dz").engine[0] - 0.5 * step_of(ce, "dL/dz").engine[0]) > 1e-3);
  }

  TEST_CASE("documented: ranges and sums over the labels (baselines sections 1 to 3)") {
    const double q = 0.7;
    for (const double surest : {0.0, 2.0, 1000.0}) {
      double mae = 0.0, gce = 0.0, reverse = 0.0;
      for (int label = 0; label < 3; ++label) {
        Samples samples;
        samples.add({surest, 0.0, 0.0}, label);
        const double one = value_of(samples.walk("mae"), "loss");
        CHECK((one >= 0.0 && one <= 2.0));
        mae += one;
        const double of_gce = value_of(samples.walk("gce", {"--q", "0.7"}), "loss");
        CHECK((of_gce >= 0.0 && of_gce <= 1.0 / q));
        gce += of_gce;
        CHECK(value_of(samples.walk("gce", {"--q", "1"}), "loss") == doctest::Approx(0.5 * one).epsilon(1e-12));
        // Reverse cross entropy alone is -A / 2 times the mean absolute error.
        reverse = value_of(samples.walk("sce", {"--sce-alpha", "0", "--sce-log-zero", "-4"}), "loss");
        CHECK(reverse == doctest::Approx(2.0 * one).epsilon(1e-12));
      }
      CHECK(mae == doctest::Approx(2.0 * (3.0 - 1.0)).epsilon(1e-12));
      CHECK(gce >= (3.0 - std::pow(3.0, 1.0 - q)) / q - 1e-12);
      CHECK(gce <= (3.0 - 1.0) / q + 1e-12);
      if (surest == 0.0) CHECK(gce == doctest::Approx((3.0 - std::pow(3.0, 1.0 - q)) / q).epsilon(1e-12));
    }
    // As q goes to 0, generalised cross entropy goes to cross entropy; truncated, a sample has no gradient.
    Samples samples;
    samples.add({0.3, -0.8, 1.1}, 1);
    CHECK(value_of(samples.walk("gce", {"--q", "1e-6"}), "loss") ==
          doctest::Approx(value_of(samples.walk("ce"), "loss")).epsilon(1e-5));
    const Walk truncated = samples.walk("gce", {"--q", "0.7", "--truncation", "0.5"});
    CHECK(value_of(truncated, "loss") == doctest::Approx((1.0 - std::pow(0.5, q)) / q).epsilon(1e-12));
    for (const double slope : step_of(truncated, "dL/dz").engine) CHECK(slope == 0.0);
  }

  TEST_CASE("documented: forward and backward correction (baselines sections 5 and 6)") {
    const TemporaryFolder folder;
    const auto with = [&](const std::string& matrix) -> Words {
      write_file_atomically(folder.path() / "t.txt", matrix);
      return {"--transition", (folder.path() / "t.txt").string()};
    };
    Samples samples;
    samples.add({0.3, -0.8, 1.1}, 1);
    samples.add({0.9, 0.2, -1.0}, 0);
    samples.add({-0.4, 0.1, 0.6}, 2);
    const Walk ce = samples.walk("ce");
    for (const std::string method : {"fw", "bw"}) {
      const Walk without_noise = samples.walk(method, with("1 0 0\n0 1 0\n0 0 1\n"));
      CHECK(value_of(without_noise, "loss") == doctest::Approx(value_of(ce, "loss")).epsilon(1e-12));
      check_ratio(step_of(without_noise, "dL/dz"), step_of(ce, "dL/dz"), 1.0, 1e-12);
    }
    const std::string t = "0.7 0.2 0.1\n0.1 0.8 0.1\n0.25 0.15 0.6\n";
    const Numbers inverse = step_of(samples.walk("bw", with(t)), "V").numbers;
    for (int64_t row = 0; row < 3; ++row)
      CHECK(inverse.at(row, 0) + inverse.at(row, 1) + inverse.at(row, 2) == doctest::Approx(1.0).epsilon(1e-12));
    // The mean of backward correction over the noisy labels of class 0 is the loss of the label 0.
    double expected = 0.0, clean = 0.0;
    const std::vector<double> row = {0.7, 0.2, 0.1};
    for (int label = 0; label < 3; ++label) {
      Samples one;
      one.add({0.3, -0.8, 1.1}, label);
      expected += row[static_cast<size_t>(label)] * value_of(one.walk("bw", with(t)), "loss");
      if (label == 0) clean = value_of(one.walk("ce"), "loss");
    }
    CHECK(expected == doctest::Approx(clean).epsilon(1e-12));
    // w is a distribution.
    const Numbers w = step_of(samples.walk("fw", with(t)), "w").numbers;
    for (int64_t i = 0; i < 3; ++i) CHECK(w.at(i, 0) + w.at(i, 1) + w.at(i, 2) == doctest::Approx(1.0).epsilon(1e-12));
    // A label that no class gives counts minus the log of the smallest normal f64, without a gradient.
    Samples contradicted;
    contradicted.add({0.3, -0.8, 1.1}, 2);
    const Walk walk = contradicted.walk("fw", with("0.5 0.5 0\n0.25 0.75 0\n1 0 0\n"));
    CHECK(value_of(walk, "loss") == doctest::Approx(708.4).epsilon(1e-4));
    for (const double slope : step_of(walk, "dL/dz").engine) CHECK(std::abs(slope) < 1e-12);
    CHECK(step_of(walk, "dL/dz").remarks.size() == 1);
  }

  TEST_CASE("documented: LCCN's transition matrices are posterior means and its mean gradient is p - w (section 8)") {
    const Walk walk = walk_of("lccn", {"--samples", "12", "--noise", "0.4"});
    const Step &latent = step_of(walk, "h"), &labels = step_of(walk, "y"), &after = step_of(walk, "T'");
    for (int64_t c = 0; c < 3; ++c) {
      double total = 0.0;
      std::vector<double> counts(3, 1.0);  // alpha
      for (size_t i = 0; i < latent.engine.size(); ++i)
        if (latent.engine[i] == static_cast<double>(c)) counts[static_cast<size_t>(labels.numbers.values[i])] += 1.0;
      for (const double count : counts) total += count;
      for (int64_t y = 0; y < 3; ++y)
        CHECK(after.engine[static_cast<size_t>(3 * c + y)] ==
              doctest::Approx(counts[static_cast<size_t>(y)] / total).epsilon(1e-12));
    }
    const Step &mean = step_of(walk, "E dL/dz"), &p = step_of(walk, "p"), &w = step_of(walk, "w");
    for (size_t k = 0; k < mean.engine.size(); ++k)
      CHECK(mean.engine[k] == doctest::Approx((p.engine[k] - w.engine[k]) / 12.0).epsilon(1e-9));
  }
}
