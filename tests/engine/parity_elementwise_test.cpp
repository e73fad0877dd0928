// Elementwise kernels, those that move elements, and the optimizers' updates.
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

// In which dtype the gradients of an optimizer's step are.
enum class Gradients { like_parameters, bf16, mixed };
constexpr std::array kGradients{Gradients::like_parameters, Gradients::bf16, Gradients::mixed};

std::string_view name_of(Gradients gradients) {
  return gradients == Gradients::bf16 ? "gradients in bf16" : gradients == Gradients::mixed ? "mixed" : "wide";
}

// New gradients for all slots; of mixed ones, every other one is in bf16.
template <class Slot>
void draw_gradients(Run& run, Gradients gradients, std::vector<Slot>& slots) {
  for (size_t k = 0; k < slots.size(); ++k) {
    const Shape& shape = slots[k].param.shape();
    const Tensor drawn = run.random(shape);
    const bool narrow = gradients == Gradients::bf16 || (gradients == Gradients::mixed && k % 2 == 1);
    slots[k].grad = narrow ? run.values(values_of(drawn), shape, DType::bf16) : drawn;
  }
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

  TEST_CASE("sgd_step several slots and steps") {
    const Parity parity("sgd_step", false);
    const std::vector<SgdParams> settings{
        {.lr = 0.1},
        {.lr = 0.1, .weight_decay = 0.01},
        {.lr = 0.05, .momentum = 0.9},
        {.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3},
        {.lr = 0.05, .momentum = 0.9, .dampening = 0.2, .weight_decay = 1e-3},
        {.lr = 0.05, .momentum = 0.8, .weight_decay = 1e-3, .nesterov = true},
    };
    for (const SgdParams& setting : settings)
      for (const Gradients gradients : kGradients)
        parity.check(fmt::format("momentum {} dampening {} weight decay {} nesterov {}, {}", setting.momentum,
                                 setting.dampening, setting.weight_decay, setting.nesterov, name_of(gradients)),
                     {1e-6, 1e-6}, [&](Run& run) {
                       std::vector<SgdSlot> slots;
                       for (const Shape& shape : {Shape{1}, {7}, {33, 3}, {1025}})
                         slots.push_back({run.random(shape), run.random(shape),
                                          setting.momentum != 0.0 ? run.output(shape) : Tensor()});
                       SgdParams params = setting;
                       for (int step = 0; step < 4; ++step) {
                         params.first_step = step == 0;  // the buffer's first content must not be read
                         draw_gradients(run, gradients, slots);
                         run.backend().sgd_step(slots, params);
                       }
                       for (const SgdSlot& slot : slots) {
                         run.keep("param", slot.param);
                         if (slot.momentum.defined()) run.keep("momentum", slot.momentum);
                       }
                     });
  }

  TEST_CASE("adam_step several slots and steps") {
    const Parity parity("adam_step", false);
    const std::vector<AdamParams> settings{
        {}, {.lr = 0.01, .weight_decay = 0.1}, {.lr = 0.05, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3}};
    for (const AdamParams& setting : settings)
      for (const Gradients gradients : kGradients)
        parity.check(fmt::format("lr {} beta {} {} weight decay {}, {}", setting.lr, setting.beta1, setting.beta2,
                                 setting.weight_decay, name_of(gradients)),
                     {2e-6, 1e-5}, [&](Run& run) {
                       std::vector<AdamSlot> slots;
                       for (const Shape& shape : {Shape{1}, {7}, {33, 3}, {1025}}) {
                         const std::vector<double> zeros(static_cast<size_t>(shape.numel()), 0.0);
                         slots.push_back({run.random(shape), run.random(shape), run.values(zeros, shape),
                                          run.values(zeros, shape)});
                       }
                       AdamParams params = setting;
                       for (params.step = 1; params.step <= 4; ++params.step) {
                         draw_gradients(run, gradients, slots);
                         run.backend().adam_step(slots, params);
                       }
                       for (const AdamSlot& slot : slots) {
                         run.keep("param", slot.param);
                         run.keep("exp_avg", slot.exp_avg);
                         run.keep("exp_avg_sq", slot.exp_avg_sq);
                       }
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

  TEST_CASE("reference sgd_step by hand: two steps with momentum dampening Nesterov and weight decay") {
    Backend& backend = backend_of(Device::reference);
    const Tensor p = oracle({1}, {1}), m = oracle_output({1});
    SgdParams params{.lr = 0.1, .momentum = 0.5, .weight_decay = 1, .nesterov = true, .first_step = true};
    backend.sgd_step(std::array{SgdSlot{p, oracle({3}, {1}), m}}, params);
    CHECK(m.item() == doctest::Approx(4));                  // 3 + 1 * 1
    CHECK(p.item() == doctest::Approx(1 - 0.1 * (4 + 2)));  // 0.4
    params.first_step = false;
    params.nesterov = false;
    params.dampening = 0.25;
    backend.sgd_step(std::array{SgdSlot{p, oracle({1}, {1}), m}}, params);
    CHECK(m.item() == doctest::Approx(0.5 * 4 + 0.75 * 1.4));
    CHECK(p.item() == doctest::Approx(0.4 - 0.1 * 3.05));
  }

  TEST_CASE("reference adam_step by hand: the first step moves by lr whatever the gradient's size") {
    Backend& backend = backend_of(Device::reference);
    const Tensor p = oracle({1, 1}, {2}), m = oracle({0, 0}, {2}), v = oracle({0, 0}, {2});
    AdamParams params{.lr = 0.1};
    backend.adam_step(std::array{AdamSlot{p, oracle({1000, -0.001}, {2}), m, v}}, params);
    check_close("p", values_of(p), {0.9, 1.1}, {1e-5, 0});
    check_close("m", values_of(m), {100, -1e-4}, {0, 1e-12});
    check_close("v", values_of(v), {1000, 1e-9}, {0, 1e-12});
    params.step = 2;
    backend.adam_step(std::array{AdamSlot{p, oracle({0, 0}, {2}), m, v}}, params);
    // m = 90, v = 999: p -= 0.1 * (90 / 0.19) / sqrt(999 / (1 - 0.999^2))
    CHECK(values_of(p)[0] == doctest::Approx(0.9 - 0.1 * (90 / 0.19) / std::sqrt(999 / 0.001999)).epsilon(1e-7));
  }
}

}  // namespace
}  // namespace cofactor::parity
