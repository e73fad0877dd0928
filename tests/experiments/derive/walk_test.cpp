// The walks: formula, autograd and differences agree, over subjects, sizes, options and seeds; and what does not agree
// is found.
#include "experiments/derive/walk.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/io/file.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "experiments/derive/differences.h"
#include "experiments/sweep/program.h"
#include "losses/make_loss.h"
#include "tests/experiments/derive/parsed_walk.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Every step agrees to the tolerances, with no allowance for a condition number.
void check_walk(const std::string& subject, const std::vector<std::string>& words) {
  std::string command = subject;
  for (const std::string& word : words) command += " " + word;
  CAPTURE(command);
  const Walk walk = walk_of(subject, words);
  int gradients = 0;
  for (const Step& step : walk.steps()) {
    CAPTURE(step.heading);
    CHECK(step.formula_error <= kFormulaTolerance);
    CHECK(step.difference_error <= kDifferenceTolerance);
    if (step.kind == Step::Kind::given) continue;
    CHECK(!step.formula.text.empty());
    CHECK(!step.formula.latex.empty());
    CHECK(step.engine.size() == step.numbers.values.size());
    if (step.kind != Step::Kind::gradient) continue;
    ++gradients;
    CHECK(step.differences.size() == step.numbers.values.size());
  }
  CHECK(gradients >= 1);
  CHECK(walk.output().requires_grad());
}

struct Options {
  std::string subject;
  std::vector<std::string> words;
};

}  // namespace

TEST_SUITE("gradient") {
  TEST_CASE("derive: every loss of losses/ has a walk") {
    for (const std::string& loss : loss_names()) {
      CAPTURE(loss);
      CHECK(std::ranges::find(subjects(), loss, &Subject::name) != subjects().end());
    }
    for (const std::string layer : {"linear", "conv2d", "batch_norm", "softmax", "max_pool"}) {
      CAPTURE(layer);
      CHECK(std::ranges::find(subjects(), layer, &Subject::name) != subjects().end());
    }
  }

  TEST_CASE("derive: formula and autograd agree to 1e-12 and differences to 1e-8 for every subject and seed") {
    for (const Subject& subject : subjects())
      for (const std::string seed : {"1", "2", "3", "17", "18446744073709551615"})
        check_walk(subject.name, {"--seed", seed});
  }

  TEST_CASE("derive: likewise over sizes and noises of the losses") {
    for (const std::string& loss : loss_names()) {
      check_walk(loss, {"--classes", "2", "--samples", "4"});
      check_walk(loss, {"--classes", "5", "--samples", "15", "--noise", "0.2"});
      check_walk(loss, {"--classes", "4", "--samples", "20", "--noise", "0.4", "--noise-kind", "symmetric"});
    }
  }

  TEST_CASE("derive: likewise with options") {
    const std::vector<Options> all = {
        {"dmi", {"--no-normalize"}},
        {"dmi", {"--epsilon", "0.001"}},
        {"dmi", {"--epsilon", "1", "--no-normalize"}},
        {"gce", {"--q", "0.1"}},
        {"gce", {"--q", "1"}},
        {"gce", {"--truncation", "0.4"}},
        {"gce", {"--q", "0.3", "--truncation", "0.9"}},
        {"sce", {"--sce-alpha", "2", "--sce-beta", "0.5", "--sce-log-zero", "-9.21"}},
        {"bootstrap-soft", {"--soft-beta", "0"}},
        {"bootstrap-soft", {"--soft-beta", "0.5"}},
        {"bootstrap-hard", {"--hard-beta", "0.3"}},
        {"bootstrap-hard", {"--hard-beta", "1"}},
        {"lccn", {"--lccn-alpha", "0.5", "--noise", "0.4"}},
        {"lccn", {"--warmup-steps", "5"}},
        {"fw", {"--noise", "0"}},
        {"bw", {"--noise", "0"}},
        {"linear", {"--samples", "1", "--features", "7", "--outputs", "5"}},
        {"softmax", {"--samples", "1", "--classes", "1"}},
        {"softmax", {"--samples", "5", "--classes", "9"}},
        {"batch_norm", {"--samples", "2", "--channels", "3"}},
        {"batch_norm", {"--samples", "9", "--channels", "1", "--epsilon", "0.5"}},
        {"conv2d", {"--samples", "2", "--channels", "2", "--filters", "3", "--kernel", "2", "--height", "5"}},
        {"conv2d", {"--height", "5", "--width", "6", "--stride", "2", "--pad", "1", "--dilation", "2"}},
        {"max_pool", {"--kernel", "3", "--stride", "1", "--pad", "1", "--samples", "2", "--channels", "3"}},
        {"max_pool", {"--kernel", "3", "--stride", "2", "--height", "7", "--width", "5"}},
    };
    for (const Options& options : all) check_walk(options.subject, options.words);
  }

  TEST_CASE("derive: central differences are extrapolated to step 0") {
    CHECK(std::abs(central_difference([](double x) { return std::exp(3.0 * x); }, 0.1) - 3.0) < 1e-11);
    CHECK(std::abs(central_difference([](double x) { return std::pow(1.0 + x, 7); }, 0.1) - 7.0) < 1e-11);
    CHECK(std::abs(central_difference([](double x) { return std::log(0.01 + x); }, 0.002) - 100.0) < 1e-8);
    CHECK(central_difference([](double) { return 5.0; }, 0.1) == 0.0);
  }

  TEST_CASE("derive: a wrong formula or gradient and a NaN do not agree") {
    const Numbers x({2}, {0.5, -1.0});
    const LossFunction square = [](const Tensor& at) { return sum(at * at); };
    // A function whose gradient autograd does not see.
    const LossFunction hidden = [](const Tensor& at) { return sum(at.detach() * at); };
    const auto step = [&](const LossFunction& f, std::vector<double> by_formula) {
      Walk walk("");
      walk.gradient("", {}, {}, Numbers({2}, std::move(by_formula)), f, x.tensor());
      return walk.steps().front();
    };
    CHECK(step(square, {1.0, -2.0}).agrees());
    CHECK(!step(square, {1.0, -2.0 * (1.0 + 1e-11)}).agrees());
    CHECK(step(square, {1.0, -2.0 * (1.0 + 1e-13)}).agrees());
    CHECK(!step(hidden, {1.0, -2.0}).agrees());
    CHECK(!step(hidden, {0.5, -1.0}).agrees());  // as autograd says, but not the differences
    CHECK(!step(square, {1.0, std::nan("")}).agrees());
    CHECK(!step([](const Tensor& at) { return sum(at * std::nan("")); }, {1.0, -2.0}).agrees());
    Walk walk("");
    walk.value("", {}, {}, Numbers({2}, {0.5, -1.0 - 1e-11}), x.tensor());
    CHECK(!walk.steps().front().agrees());
    CHECK_THROWS_AS(walk.value("", {}, {}, Numbers({3}), x.tensor()), Error);
  }
}

TEST_SUITE("unit") {
  TEST_CASE("derive: at a kink there is no difference and the walk says why") {
    const TemporaryFolder folder;
    const std::string image = (folder.path() / "ties.csv").string(), tied = (folder.path() / "tied.csv").string();
    write_file_atomically(image, "a,b\n1,1\n0,-1\n");
    const Walk pool = walk_of("max_pool", {"--input", image});
    const Step& step = step_of(pool, "dL/dx");
    CHECK(step.agrees());
    // The two largest cells tie: the first wins. Neither has a derivative; the others have.
    CHECK(std::isnan(step.differences[0]));
    CHECK(std::isnan(step.differences[1]));
    CHECK(step.differences[2] == 0.0);
    CHECK(step.engine[0] == step_of(pool, "g").numbers[0]);
    CHECK(step.engine[1] == 0.0);
    REQUIRE(step.remarks.size() == 1);
    CHECK(step.remarks[0].find("kink") != std::string::npos);

    write_file_atomically(tied, "a,b,c,label\n2,2,0,0\n1,0,3,2\n");
    const Walk hard = walk_of("bootstrap-hard", {"--input", tied});
    const Step& logits = step_of(hard, "dL/dz");
    CHECK(logits.agrees());
    CHECK(std::isnan(logits.differences[0]));
    CHECK(std::isnan(logits.differences[1]));
    for (const size_t smooth : {2, 3, 4, 5}) CHECK(!std::isnan(logits.differences[smooth]));
  }

  TEST_CASE("derive: the labels that lccn draws are held fixed and the walk says so") {
    const Step step = step_of(walk_of("lccn"), "dL/dz");
    REQUIRE(step.remarks.size() == 1);
    CHECK(step.remarks[0].find("draw") != std::string::npos);
  }

  TEST_CASE("derive: a nearly singular U is walked and the walk says by how much errors grow") {
    const TemporaryFolder folder;
    const std::string file = (folder.path() / "near.csv").string();
    write_file_atomically(file, "a,b,label\n1,2,0\n1.00000001,2,1\n");
    const Walk walk = walk_of("dmi", {"--input", file});
    for (const Step& step : walk.steps()) CHECK(step.agrees());
    const Step& determinant = step_of(walk, "|det U|");
    REQUIRE(!determinant.remarks.empty());
    CHECK(determinant.remarks.back().find("nearly singular") != std::string::npos);
    CHECK(step_of(walk, "dL/dU").formula_tolerance > 1e-10);
  }

  TEST_CASE("derive: a singular U is an error that says why and smoothed a walk") {
    const TemporaryFolder folder;
    const std::string absent = (folder.path() / "absent.csv").string(), alike = (folder.path() / "alike.csv").string();
    write_file_atomically(absent, "a,b,c,label\n1,2,0,0\n3,1,0,2\n0,1,2,2\n");
    write_file_atomically(alike, "a,b,label\n1,2,0\n1,2,1\n");
    const auto message = [](const std::string& file) {
      try {
        walk_of("dmi", {"--input", file});
      } catch (const UsageError&) {
        return std::string("usage");
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    CHECK(message(absent).find("no sample has the label 1") != std::string::npos);
    CHECK(message(alike).find("linearly dependent") != std::string::npos);
    for (const std::string& file : {absent, alike}) {
      const Walk walk = walk_of("dmi", {"--input", file, "--epsilon", "0.001"});
      for (const Step& step : walk.steps()) CHECK(step.agrees());
      CHECK(step_of(walk, "loss").engine[0] == doctest::Approx(-std::log(0.001)));
      // With a column of zeros det U is 0; of dependent columns it is 0 or the last bit, by how products are rounded.
      if (file == absent) {
        for (const double slope : step_of(walk, "dL/dz").engine) CHECK(slope == 0.0);
      }
    }
  }

  TEST_CASE("derive: logits far apart give finite walks that agree") {
    const TemporaryFolder folder;
    const std::string file = (folder.path() / "far.csv").string();
    write_file_atomically(file, "a,b,label\n10000,-10000,1\n-10000,10000,0\n0,0,1\n");
    for (const std::string& loss : loss_names()) {
      CAPTURE(loss);
      const bool corrects = loss == "fw" || loss == "bw";
      const Walk walk = walk_of(loss, corrects ? std::vector<std::string>{"--input", file, "--noise", "0.3"}
                                               : std::vector<std::string>{"--input", file});
      for (const Step& step : walk.steps()) {
        CAPTURE(step.heading);
        CHECK(step.agrees());
        for (const double value : step.engine) CHECK(std::isfinite(value));
      }
    }
  }
}
