// Reductions, softmax, and what is picked by index.
#include <limits>

#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::parity {
namespace {

using testing::kInfinity;
using testing::kNan;

std::string name_of_op(ReduceOp op) {
  return op == ReduceOp::sum ? "sum" : op == ReduceOp::mean ? "mean" : "max";
}

TEST_SUITE("parity") {
  TEST_CASE("reduce over every kind of axes") {
    const Parity parity("reduce");
    const std::vector<std::pair<Shape, Shape>> cases{
        {{}, {}},
        {{1}, {1}},
        {{17}, {1}},
        {{5, 7}, {1, 7}},
        {{5, 7}, {5, 1}},
        {{5, 7}, {1, 1}},
        {{5, 7}, {5, 7}},  // over no axis
        {{1, 9}, {1, 9}},
        {{2, 3, 4, 5}, {1, 3, 1, 5}},
        {{2, 3, 4, 5}, {2, 1, 1, 5}},
        {{2, 3, 4, 5}, {2, 3, 4, 1}},
        {{2, 3, 4, 5}, {1, 3, 4, 5}},
        {{2, 3, 4, 5}, {1, 1, 1, 1}},
        {{3, 5, 7, 17}, {1, 1, 1, 17}},
        {{257, 13}, {1, 13}},
        {{257, 13}, {257, 1}},
        {{2, 3, 1, 2, 3, 2}, {1, 3, 1, 1, 3, 1}},
        {{0, 3}, {0, 1}},
    };
    for (ReduceOp op : {ReduceOp::sum, ReduceOp::mean, ReduceOp::max})
      for (const auto& [from, to] : cases)
        for (double low : {-1.0, -3.0})  // -3: all below zero, so that a max must not start at 0
          parity.check(fmt::format("{} {} to {}", name_of_op(op), from, to), {1e-5, 1e-5},
                       [&, &from = from, &to = to](Run& run) {
                         const Tensor y = run.output(to);
                         run.backend().reduce(op, run.random(from, low, low + 2.0), y);
                         run.keep("y", y);
                       });
  }

  TEST_CASE("reduce: the sum over an empty axis is 0") {
    const Parity parity("reduce");
    for (const auto& [from, to] : {std::pair<Shape, Shape>{{0, 3}, {1, 3}}, {{3, 0}, {3, 1}}, {{0}, {1}}})
      parity.check(fmt::format("{} to {}", from, to), kExact, [&, &from = from, &to = to](Run& run) {
        const Tensor y = run.output(to);
        run.backend().reduce(ReduceOp::sum, run.random(from), y);
        run.keep("y", y);
      });
  }

  TEST_CASE("reduce: long sums stay accurate") {
    const Parity parity("reduce");
    for (ReduceOp op : {ReduceOp::sum, ReduceOp::mean})
      for (const auto& [from, to] : {std::pair<Shape, Shape>{{100003}, {1}},
                                     {{20011, 5}, {1, 5}},
                                     {{3, 30011}, {3, 1}},
                                     {{3, 30016}, {3, 1}},
                                     {{4000, 24}, {1, 24}},
                                     {{3, 700, 8}, {3, 1, 8}}})
        parity.check(fmt::format("{} {}", name_of_op(op), from), {0.0, 2e-5}, [&, &from = from, &to = to](Run& run) {
          const Tensor y = run.output(to);
          run.backend().reduce(op, run.random(from, 0.0, 1.0), y);
          run.keep("y", y);
        });
  }

  TEST_CASE("reduce: NaN wherever it stands and infinities") {
    const Parity parity("reduce");
    for (ReduceOp op : {ReduceOp::sum, ReduceOp::mean, ReduceOp::max})
      for (double special : {kNan, kInfinity, -kInfinity})
        for (size_t place : {0, 3, 36, 37 * 5 - 1})
          for (const Shape& to : {Shape{5, 1}, {1, 37}, {1, 1}})
            parity.check(fmt::format("{} {} at {} to {}", name_of_op(op), special, place, to), {1e-5, 1e-5},
                         [&](Run& run) {
                           std::vector<double> x = values_of(run.random({5, 37}));
                           x[place] = special;
                           const Tensor y = run.output(to);
                           run.backend().reduce(op, run.values(x, {5, 37}), y);
                           run.keep("y", y);
                         });
  }

  TEST_CASE("reduce: the max of nothing but -infinity") {
    Parity("reduce").check("max", kExact, [](Run& run) {
      const Tensor y = run.output({2, 1});
      run.backend().reduce(ReduceOp::max, run.values(std::vector<double>(34, -kInfinity), {2, 17}), y);
      run.keep("y", y);
    });
  }

  TEST_CASE("argmax: the first among equals") {
    const Parity parity("argmax");
    for (const Shape& shape : {Shape{1, 1}, {3, 1}, {1, 17}, {7, 2}, {33, 10}, {129, 101}, {2, 3001}}) {
      parity.check(fmt::format("{}", shape), kExact, [&](Run& run) {
        const Tensor y = run.output({shape[0]}, DType::i32);
        run.backend().argmax(run.random(shape), y);
        run.keep("y", y);
      });
      parity.check(fmt::format("{} ties", shape), kExact, [&](Run& run) {
        const Tensor y = run.output({shape[0]}, DType::i32);
        run.backend().argmax(run.ties(shape), y);
        run.keep("y", y);
      });
    }
    parity.check("NaN and infinities", kExact, [](Run& run) {
      const Tensor y = run.output({4}, DType::i32);
      run.backend().argmax(
          run.values({-kInfinity, -kInfinity, -kInfinity, 1, kNan, 2, kNan, 1, kNan, 1, kInfinity, 2}, {4, 3}), y);
      run.keep("y", y);
    });
  }

  TEST_CASE("softmax and log softmax and their gradients") {
    const Parity parity("softmax");
    for (bool log : {false, true})
      for (const Shape& shape :
           {Shape{1}, {1, 1}, {3, 1}, {17}, {1, 10}, {3, 2}, {129, 10}, {33, 101}, {2, 3, 5, 7}, {3, 1040}, {2, 2051}})
        for (double scale : {1.0, 30.0, 1e4})
          parity.check(fmt::format("{} {} logits to {}", log ? "log" : "plain", shape, scale), {2e-6, 5e-6},
                       [&](Run& run) {
                         const Tensor x = run.random(shape, -scale, scale);
                         const Tensor y = run.output(shape), dx = run.output(shape);
                         run.backend().softmax(x, log, y);
                         run.keep("y", y);
                         // The gradient's own parity: from one y for all, not from each device's.
                         const Tensor given = log ? run.random(shape, -5.0, 0.0) : run.random(shape, 0.0, 1.0);
                         run.backend().softmax_vjp(given, run.random(shape), log, dx);
                         run.keep("dx", dx);
                       });
  }

  TEST_CASE("gather and gather_vjp") {
    const Parity parity("gather");
    for (const Shape& shape : {Shape{1, 1}, {3, 1}, {1, 7}, {17, 10}, {129, 14}})
      parity.check(fmt::format("{}", shape), kExact, [&](Run& run) {
        const Tensor labels = run.labels({shape[0]}, shape[1]);
        const Tensor y = run.output({shape[0]}), dx = run.output(shape);
        run.backend().gather(run.random(shape), labels, y);
        run.keep("y", y);
        run.backend().gather_vjp(run.random({shape[0]}), labels, dx);
        run.keep("dx", dx);
      });
  }

  TEST_CASE("embedding and embedding_vjp with words that repeat and words that never come") {
    struct Case {
      int64_t words, dims;
      Shape indices;
    };
    const Parity parity("embedding");
    for (const Case& c :
         {Case{1, 1, {1}}, {7, 13, {3, 5}}, {50, 32, {3, 1, 7}}, {9, 12, {70}}, {3, 17, {129}}, {5, 1, {2, 2}}})
      parity.check(fmt::format("table {} x {}, indices {}", c.words, c.dims, c.indices), {2e-5, 1e-5}, [&](Run& run) {
        Shape shape = c.indices;
        shape.push_back(c.dims);
        const Tensor indices = run.labels(c.indices, c.words);
        const Tensor y = run.output(shape), dtable = run.output({c.words, c.dims});
        run.backend().embedding(run.random({c.words, c.dims}), indices, y);
        run.keep("y", y);
        run.backend().embedding_vjp(run.random(shape), indices, dtable);
        run.keep("dtable", dtable);
        const Tensor rounded = run.output(shape), wide = run.output_wide({c.words, c.dims});
        run.backend().embedding(run.random_wide({c.words, c.dims}), indices, rounded);
        run.keep("rows of a wide table", rounded);
        run.backend().embedding_vjp(run.random(shape), indices, wide);
        run.keep("wide dtable", wide);
      });
  }

  TEST_CASE("embedding_vjp and reduce give the same bits every time") {
    for (Device device : available_devices()) {
      std::vector<std::vector<double>> results;
      for (int repeat = 0; repeat < 3; ++repeat) {
        Run run(device, DType::f32, DType::f32, repeat);
        const Tensor dtable = run.output({3, 17}), total = run.output({1, 1});
        run.backend().embedding_vjp(run.random({4099, 17}), run.labels({4099}, 3), dtable);
        run.backend().reduce(ReduceOp::sum, run.random({4099, 17}), total);
        results.push_back(values_of(dtable));
        results.back().push_back(total.item());
      }
      CHECK(results[1] == results[0]);
      CHECK(results[2] == results[0]);
    }
  }
}

using Values = std::vector<double>;

TEST_SUITE("unit") {
  TEST_CASE("reference reduce and argmax by hand") {
    const Tensor x = oracle({1, 2, 3, 40, 50, 60}, {2, 3});
    const auto reduce = [&](ReduceOp op, const Shape& shape) {
      const Tensor y = oracle_output(shape);
      x.backend().reduce(op, x, y);
      return values_of(y);
    };
    CHECK(reduce(ReduceOp::sum, {1, 3}) == Values{41, 52, 63});
    CHECK(reduce(ReduceOp::sum, {2, 1}) == Values{6, 150});
    CHECK(reduce(ReduceOp::mean, {2, 1}) == Values{2, 50});
    CHECK(reduce(ReduceOp::mean, {1, 1}) == Values{26});
    CHECK(reduce(ReduceOp::max, {1, 3}) == Values{40, 50, 60});
    const Tensor largest = oracle_output({3, 1});
    x.backend().reduce(ReduceOp::max, oracle({kNan, 1, 2, -7, -5, -6, 3, kNan, 9}, {3, 3}), largest);
    CHECK(std::isnan(values_of(largest)[0]));
    CHECK(values_of(largest)[1] == -5);
    CHECK(std::isnan(values_of(largest)[2]));
    const Tensor winners = Tensor::empty({4}, DType::i32, Device::reference);
    x.backend().argmax(oracle({3, 3, 1, 1, 2, 2, -5, -7, -5, 1, kNan, 9}, {4, 3}), winners);
    CHECK(values_of(winners) == Values{0, 1, 0, 1});
  }

  TEST_CASE("reference softmax by hand") {
    const double third = std::log(3.0);
    const Tensor x = oracle({0, third, 1000, 1000 + third}, {2, 2}), y = oracle_output({2, 2}),
                 dx = oracle_output({2, 2});
    Backend& backend = x.backend();
    backend.softmax(x, false, y);
    check_close("softmax", values_of(y), {0.25, 0.75, 0.25, 0.75}, {1e-13, 0});
    backend.softmax_vjp(y, oracle({4, 0, 0, 8}, {2, 2}), false, dx);
    check_close("dx", values_of(dx), {0.25 * (4 - 1), 0.75 * -1, 0.25 * -6, 0.75 * (8 - 6)}, {1e-12, 0});
    backend.softmax(x, true, y);
    check_close("log softmax", values_of(y), {-std::log(4.0), std::log(0.75), -std::log(4.0), std::log(0.75)},
                {1e-12, 0});
    backend.softmax_vjp(y, oracle({4, 0, 0, 8}, {2, 2}), true, dx);
    check_close("dx of log", values_of(dx), {4 - 0.25 * 4, -0.75 * 4, -0.25 * 8, 8 - 0.75 * 8}, {1e-11, 0});
  }

  TEST_CASE("reference gather and embedding by hand") {
    Backend& backend = backend_of(Device::reference);
    const Tensor table = oracle({1, 2, 3, 4, 5, 6}, {3, 2});
    const Tensor labels = oracle_labels({1, 0, 1}, {3}), picked = oracle_output({3}), dx = oracle_output({3, 2});
    backend.gather(table, labels, picked);
    CHECK(values_of(picked) == Values{2, 3, 6});
    backend.gather_vjp(picked, labels, dx);
    CHECK(values_of(dx) == Values{0, 2, 3, 0, 0, 6});
    const Tensor words = oracle_labels({2, 0, 2}, {3}), rows = oracle_output({3, 2});
    backend.embedding(table, words, rows);
    CHECK(values_of(rows) == Values{5, 6, 1, 2, 5, 6});
    backend.embedding_vjp(oracle({1, 2, 10, 20, 100, 200}, {3, 2}), words, dx);
    CHECK(values_of(dx) == Values{10, 20, 0, 0, 101, 202});
  }
}

}  // namespace
}  // namespace cofactor::parity
