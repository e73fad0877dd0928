// Elementwise kernels, and those that move elements.
#include <cstring>
#include <limits>

#include "engine/elementwise_ops.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::parity {
namespace {

using testing::kInfinity;
using testing::kNan;

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{}, {1}, {17}, {1025}, {3, 1}, {7, 5}, {0, 4}, {3, 5, 7, 17}, {2, 1, 3, 1, 2, 5}};
  return all;
}

TEST_SUITE("parity") {
  TEST_CASE("copies to on and from the device") {
    const Parity parity("copy_from_host, copy, copy_to_host");
    for (const Shape& shape : shapes())
      parity.check(to_string(shape), kExact, [&](Run& run) {
        const Tensor x = run.random(shape);
        const Tensor y = run.output(shape);
        run.backend().copy(y.raw_data(), x.raw_data(), x.nbytes());
        run.backend().synchronize();
        run.keep("y", y);
      });
  }

  TEST_CASE("fill") {
    const Parity parity("fill");
    for (DType dtype : kAllDTypes)
      for (const Shape& shape : shapes())
        parity.check(fmt::format("{} {}", dtype, shape), kExact, [&](Run& run) {
          const Tensor y = run.output(shape, dtype);
          run.backend().fill(y, 3.0);
          run.keep("y", y);
        });
  }

  TEST_CASE("unary: every op of the list") {
    const Parity parity("unary");
    for_each_op(UnaryOps{}, [&]<class Op>() {
      for (const Shape& shape : shapes())
        for (const double a : Op::kArguments)
          parity.check(fmt::format("{} {} a {}", Op::kName, shape, a), {1e-6, 5e-6}, [&](Run& run) {
            const Tensor x = run.random(shape, Op::kDomain.low, Op::kDomain.high), y = run.output(shape);
            run.backend().unary(op_of<Op>, x, a, y);
            run.keep("y", y);
          });
    });
  }

  TEST_CASE("unary: NaN infinities zeros and large values") {
    const Parity parity("unary");
    for_each_op(UnaryOps{}, [&]<class Op>() {
      parity.check(std::string(Op::kName), {1e-6, 5e-6}, [&](Run& run) {
        const std::vector<double> special{kNan, kInfinity, -kInfinity, 0.0, -0.0, 88.0, -88.0, 40.0, -40.0, -1.0, 1.0};
        const Tensor x = run.values(special, {11});
        const Tensor y = run.output({11});
        run.backend().unary(op_of<Op>, x, 2.0, y);
        run.keep("y", y);
      });
    });
  }

  TEST_CASE("unary_vjp: every op of the list given only what it reads") {
    const Parity parity("unary_vjp");
    for_each_op(UnaryOps{}, [&]<class Op>() {
      for (const Shape& shape : shapes())
        for (const double a : Op::kArguments)
          parity.check(
              fmt::format("{} {} a {}", Op::kName, shape, a), {1e-5, 1e-5},
              [&](Run& run) {
                const Tensor x = run.random(shape, Op::kDomain.low, Op::kDomain.high), grad = run.random(shape);
                const Tensor y = run.output(shape), dx = run.output(shape);
                run.backend().unary(op_of<Op>, x, a, y);
                run.backend().unary_vjp(op_of<Op>, Op::kVjpReadsX ? x : Tensor(), Op::kVjpReadsY ? y : Tensor(), grad,
                                        a, dx);
                run.keep("dx", dx);
              },
              Op::kVjpReadsY ? 2 : 1);  // y is rounded too
    });
  }

  TEST_CASE("unary_vjp: relu and abs have gradient 0 at 0") {
    const Parity parity("unary_vjp");
    for (const UnaryOp op : {op_of<ReluOp>, op_of<AbsOp>})
      parity.check(std::string(name_of(op)), kExact, [&](Run& run) {
        const bool is_abs = op == op_of<AbsOp>;
        const Tensor x = run.values({-2, -0.0, 0, 3}, {4}), dx = run.output({4});
        const Tensor y = run.values({is_abs ? 2.0 : 0.0, 0, 0, 3}, {4});
        run.backend().unary_vjp(op, is_abs ? x : Tensor(), is_abs ? Tensor() : y, run.values({5, 6, 7, 8}, {4}), 0.0,
                                dx);
        run.keep("dx", dx);
      });
  }

  TEST_CASE("binary: every op of the list with broadcasting") {
    const Parity parity("binary");
    const std::vector<std::pair<Shape, Shape>> pairs{
        {{}, {}},
        {{3}, {3}},
        {{17}, {17}},
        {{1, 1}, {1, 1}},
        {{5, 7}, {7}},
        {{7}, {5, 7}},
        {{5, 1}, {1, 7}},
        {{5, 7}, {5, 1}},
        {{1}, {4, 3}},
        {{}, {3, 2}},
        {{4, 3}, {}},
        {{2, 3, 1, 5}, {3, 4, 1}},
        {{2, 5, 3, 16}, {16}},
        {{33, 17, 5}, {17, 1}},
        {{3, 1, 5}, {3, 7, 5}},
        {{2, 1, 3, 1, 2, 1}, {1, 3, 1, 2, 1, 5}},
        {{0, 3}, {3}},
        {{6, 24}, {24}},  // whole packs in a row
        {{24, 1}, {1, 8}},
        {{3, 2, 16}, {2, 1}},
        {{1031}, {1031}},
        {{31, 33}, {31, 33}},
    };
    for_each_op(BinaryOps{}, [&]<class Op>() {
      for (const auto& [left, right] : pairs)
        parity.check(
            fmt::format("{} {} {}", Op::kName, left, right), {1e-6, 1e-6}, [&, &left = left, &right = right](Run& run) {
              const bool compares = !Op::kDifferentiable;  // a step: tested where values tie
              const Tensor a = compares ? run.ties(left) : run.random(left, Op::kDomainA.low, Op::kDomainA.high);
              const Tensor b = compares ? run.ties(right) : run.random(right, Op::kDomainB.low, Op::kDomainB.high);
              const Tensor y = run.output(broadcast_shape(left, right, "test"));
              run.backend().binary(op_of<Op>, a, b, y);
              run.keep("y", y);
            });
    });
  }

  TEST_CASE("binary: NaN infinities and division by zero") {
    const Parity parity("binary");
    for_each_op(BinaryOps{}, [&]<class Op>() {
      parity.check(std::string(Op::kName), kExact, [&](Run& run) {
        const Tensor a = run.values({kNan, 1, kInfinity, 0, -1, kInfinity, kNan, 2}, {8});
        const Tensor b = run.values({1, kNan, kInfinity, 0, 0, -1, kNan, 2}, {8});
        const Tensor y = run.output({8});
        run.backend().binary(op_of<Op>, a, b, y);
        run.keep("y", y);
      });
    });
  }

  TEST_CASE("broadcast every dtype") {
    const Parity parity("broadcast");
    const std::vector<std::pair<Shape, Shape>> pairs{{{}, {}},
                                                     {{}, {3, 5}},
                                                     {{7}, {3, 7}},
                                                     {{3, 1}, {3, 7}},
                                                     {{1, 7}, {5, 7}},
                                                     {{3, 1, 5}, {2, 3, 4, 5}},
                                                     {{2, 3}, {2, 3}},
                                                     {{1}, {0}},
                                                     {{16}, {3, 5, 7, 16}},
                                                     {{2, 1, 3, 1, 2, 1}, {2, 3, 3, 2, 2, 5}}};
    for (DType dtype : kAllDTypes)
      for (const auto& [from, to] : pairs)
        parity.check(fmt::format("{} {} to {}", dtype, from, to), kExact, [&, &from = from, &to = to](Run& run) {
          const Tensor y = run.output(to, dtype);
          run.backend().broadcast(run.integers(from, 100, dtype), y);
          run.keep("y", y);
        });
  }

  TEST_CASE("cast between every two dtypes") {
    const Parity parity("cast");
    for (DType from : kAllDTypes)
      for (DType to : kAllDTypes)
        parity.check(fmt::format("{} to {}", from, to), kExact, [&](Run& run) {
          const bool positive = from == DType::u8 || to == DType::u8;
          std::vector<double> values{0, 1, 2, 2.9, 127, 200.5, 255, 0.1, 0.99};
          if (!positive) values.insert(values.end(), {-1, -2.9, 1e6, 16777217, -0.5, 1.00390625, 1.01171875});
          while (values.size() < 67) values.push_back(static_cast<double>(values.size()));
          const Shape shape{static_cast<int64_t>(values.size())};
          const Tensor y = run.output(shape, to);
          run.backend().cast(run.values(values, shape, from), y);
          run.keep("y", y);
        });
  }

  TEST_CASE("cast keeps NaN and infinities among floating dtypes") {
    const Parity parity("cast");
    for (DType from : {DType::f32, DType::f64, DType::bf16})
      for (DType to : {DType::f32, DType::f64, DType::bf16})
        parity.check(fmt::format("{} to {}", from, to), kExact, [&](Run& run) {
          const Tensor y = run.output({4}, to);
          run.backend().cast(run.values({kNan, kInfinity, -kInfinity, 3.39e38}, {4}, from), y);
          run.keep("y", y);
        });
  }

  TEST_CASE("cast_many: several casts of several kinds and lengths in one call") {
    const Parity parity("cast_many");
    const std::vector<std::pair<DType, DType>> kinds{
        {DType::f32, DType::bf16}, {DType::bf16, DType::f32}, {DType::f32, DType::f64}, {DType::f32, DType::f32}};
    for (size_t only = 0; only <= kinds.size(); ++only)  // each alone, then all of them in one call
      parity.check(only < kinds.size() ? fmt::format("{} to {}", kinds[only].first, kinds[only].second) : "all", kExact,
                   [&](Run& run) {
                     std::vector<CastSlot> slots;
                     for (const Shape& shape : {Shape{}, {7}, {0, 3}, {64}, {3, 3, 17}, {4099}, {2, 8192}})
                       for (size_t kind = 0; kind < kinds.size(); ++kind) {
                         const auto& [from, to] = kinds[kind];
                         if (only == kind || only == kinds.size())
                           slots.push_back({run.values(values_of(run.random(shape, -100, 100)), shape, from),
                                            run.output(shape, to)});
                       }
                     run.backend().cast_many(slots);
                     for (const CastSlot& slot : slots) run.keep("y", slot.y);
                   });
    parity.check("none", kExact, [](Run& run) {
      run.backend().cast_many({});
      run.keep("nothing", 0.0);
    });
  }

  TEST_CASE("permute every dtype") {
    struct Case {
      Shape x;
      std::vector<int> axes;
    };
    const Parity parity("permute");
    const std::vector<Case> cases{{{}, {}},
                                  {{7}, {0}},
                                  {{5, 7}, {1, 0}},
                                  {{1, 9}, {1, 0}},
                                  {{3, 5, 7}, {2, 0, 1}},
                                  {{3, 8, 5, 4}, {0, 3, 1, 2}},  // NHWC to NCHW
                                  {{3, 4, 8, 5}, {0, 2, 3, 1}},  // and back
                                  {{2, 3, 5, 1, 7}, {4, 3, 1, 0, 2}},
                                  {{2, 3, 1, 4, 5, 2}, {5, 4, 3, 2, 1, 0}},
                                  {{0, 3}, {1, 0}},
                                  {{33, 65}, {1, 0}},
                                  {{3, 5, 16}, {1, 0, 2}},  // runs that keep their order
                                  {{3, 5, 2, 12}, {2, 0, 1, 3}}};
    for (DType dtype : kAllDTypes)
      for (const Case& c : cases)
        parity.check(fmt::format("{} {}", dtype, c.x), kExact, [&](Run& run) {
          Shape shape;
          for (int axis : c.axes) shape.push_back(c.x[axis]);
          const Tensor y = run.output(shape, dtype);
          run.backend().permute(run.integers(c.x, 200, dtype), c.axes, y);
          run.keep("y", y);
        });
  }

  TEST_CASE("copy_slice leaves the rest of y alone every dtype") {
    struct Case {
      Shape x;
      int64_t x_start;
      Shape y;
      int64_t y_start, length;
      int axis;
    };
    const Parity parity("copy_slice");
    const std::vector<Case> cases{{{7}, 2, {5}, 1, 3, 0},
                                  {{5, 7}, 1, {9, 7}, 4, 4, 0},
                                  {{5, 7}, 3, {5, 4}, 0, 4, 1},
                                  {{3, 5, 7}, 0, {3, 11, 7}, 5, 5, 1},
                                  {{3, 1, 5}, 0, {3, 4, 5}, 3, 1, 1},
                                  {{3, 5, 17}, 16, {3, 5, 2}, 1, 1, 2},
                                  {{2, 3, 4, 5}, 1, {2, 3, 4, 9}, 2, 4, 3},
                                  {{3, 6, 16}, 2, {3, 4, 16}, 1, 3, 1},
                                  {{3, 24}, 8, {3, 32}, 16, 16, 1},
                                  {{3, 5}, 2, {3, 5}, 2, 0, 1},
                                  {{0, 5}, 0, {0, 5}, 0, 5, 1}};
    for (DType dtype : kAllDTypes)
      for (const Case& c : cases)
        parity.check(fmt::format("{} {} to {}", dtype, c.x, c.y), kExact, [&](Run& run) {
          const Tensor x = run.integers(c.x, 200, dtype);
          const Tensor y = run.integers(c.y, 200, dtype);
          run.backend().copy_slice(x, c.x_start, y, c.y_start, c.length, c.axis);
          run.keep("y", y);
        });
  }
}

using Values = std::vector<double>;

TEST_SUITE("unit") {
  TEST_CASE("reference unary and binary by hand") {
    Backend& backend = backend_of(Device::reference);
    const Tensor x = oracle({-2, 0, 3}, {3}), y = oracle_output({3});
    backend.unary(op_of<ReluOp>, x, 0, y);
    CHECK(values_of(y) == Values{0, 0, 3});
    backend.unary(op_of<PowOp>, x, 2, y);
    CHECK(values_of(y) == Values{4, 0, 9});
    backend.unary_vjp(op_of<PowOp>, x, {}, oracle({1, 1, 10}, {3}), 2, y);
    CHECK(values_of(y) == Values{-4, 0, 60});
    const Tensor table = oracle_output({2, 3});
    backend.binary(op_of<SubOp>, oracle({10, 20}, {2, 1}), x, table);
    CHECK(values_of(table) == Values{12, 10, 7, 22, 20, 17});
    backend.broadcast(oracle({10, 20}, {2, 1}), table);
    CHECK(values_of(table) == Values{10, 10, 10, 20, 20, 20});
    backend.permute(oracle({1, 2, 3, 4, 5, 6}, {3, 2}), std::array{1, 0}, table);
    CHECK(values_of(table) == Values{1, 3, 5, 2, 4, 6});
    backend.copy_slice(oracle({7, 8, 9, 10}, {2, 2}), 1, table, 2, 1, 1);
    CHECK(values_of(table) == Values{1, 3, 8, 2, 4, 10});
  }

  TEST_CASE("reference cast: toward zero to integers to nearest even to bf16") {
    Backend& backend = backend_of(Device::reference);
    const auto cast = [&](const Values& values, DType from, DType to) {
      const Shape shape{static_cast<int64_t>(values.size())};
      const Tensor y = Tensor::empty(shape, to, Device::reference);
      backend.cast(tensor_of(values, shape, from, Device::reference), y);
      return values_of(y);
    };
    CHECK(cast({-2.9, 2.9, 0.99}, DType::f32, DType::i32) == Values{-2, 2, 0});
    CHECK(cast({255.9}, DType::f64, DType::u8) == Values{255});
    CHECK(cast({1 + 1 / 256.0, 1 + 3 / 256.0, 1 + 1.1 / 256.0}, DType::f32, DType::bf16) ==
          Values{1, 1 + 4 / 256.0, 1 + 2 / 256.0});
    CHECK(cast({16777217}, DType::i32, DType::f32) == Values{16777216});
  }
}

}  // namespace
}  // namespace cofactor::parity
