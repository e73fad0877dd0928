// The elementwise ops. Each is one struct (name, formula, gradient) and, beside it, the function that applies it to
// tensors. The kernels of all backends, the tape, error messages and tests read the struct: a new op is its name in one
// of the two lists below, its struct and its function.
//
// Formulas are compiled for the host and for devices, with T = float or double.
#pragma once

#include <array>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/dtype.h"
#include "engine/kernel_params.h"

namespace cofactor {

template <class Index, class... Ops>
struct OpList {};

using UnaryOps = OpList<UnaryOp, struct NegOp, struct ExpOp, struct LogOp, struct SqrtOp, struct AbsOp, struct ReluOp,
                        struct TanhOp, struct SigmoidOp, struct AddScalarOp, struct MulScalarOp, struct PowOp>;
using BinaryOps = OpList<BinaryOp, struct AddOp, struct SubOp, struct MulOp, struct DivOp, struct EqualOp>;

// ---- the lists

// Calls body.template operator()<Op>() for each op of a list, in order.
template <class Index, class... Ops, class Body>
constexpr void for_each_op(OpList<Index, Ops...>, const Body& body) {
  (body.template operator()<Ops>(), ...);
}

// Calls body.template operator()<Op>() with the struct of op number `op` of a list.
template <class Index, class... Ops, class Body>
constexpr void dispatch_op(OpList<Index, Ops...>, Index op, const Body& body) {
  int position = 0;
  static_cast<void>(((static_cast<int>(op) == position++ && (body.template operator()<Ops>(), true)) || ...));
}
template <class Body>
constexpr void dispatch_unary(UnaryOp op, const Body& body) {
  dispatch_op(UnaryOps{}, op, body);
}
template <class Body>
constexpr void dispatch_binary(BinaryOp op, const Body& body) {
  dispatch_op(BinaryOps{}, op, body);
}

// The number of an op in its list, by which backends are called: op_of<ExpOp> is a UnaryOp.
template <class Op, class Index, class... Ops>
constexpr int position_in(OpList<Index, Ops...>) {
  int position = 0;
  return ((std::is_same_v<Op, Ops> || (++position, false)) || ...) ? position : -1;
}
template <class Op>
inline constexpr auto op_of = [] {
  constexpr int kUnary = position_in<Op>(UnaryOps{}), kBinary = position_in<Op>(BinaryOps{});
  static_assert((kUnary < 0) != (kBinary < 0), "an op is in UnaryOps or in BinaryOps");
  if constexpr (kUnary >= 0)
    return static_cast<UnaryOp>(kUnary);
  else
    return static_cast<BinaryOp>(kBinary);
}();

std::string_view name_of(UnaryOp op);
std::string_view name_of(BinaryOp op);

// ---- what ops have in common

struct Interval {
  double low, high;
};

// The defaults of a unary op y = forward(x, a), where a is a number given with the op (most have none), and
// dx = vjp(x, y, g, a), where g = dL/dy.
struct UnaryDefaults {
  static constexpr bool kVjpReadsX = false, kVjpReadsY = false;  // what it does not read is not kept, and passed as 0
  static constexpr int kCost = 1, kVjpCost = 1;                  // time per element, relative to an addition
  static constexpr int kFlops = 1, kVjpFlops = 1;                // operations per element (engine/cost.h)
  static constexpr Interval kDomain{-5.0, 5.0};                  // tests draw x from here: finite and differentiable
  static constexpr std::array kArguments{0.0};                   // and try these for a
};

// What a binary op keeps for its gradient: the tensors that it says it reads, and which gradients are wanted.
struct BinaryContext {
  Tensor a, b, y;
  bool wants_a, wants_b;
};

// The defaults of a binary op y = forward(a, b), with broadcasting. Its gradient is written with tensors:
// vjp(context, g) = {da, db} in y's shape, where g = dL/dy; a context says which of them are wanted.
struct BinaryDefaults {
  static constexpr bool kDifferentiable = true;
  enum Reads : unsigned { kNothing = 0, kA = 1, kB = 2, kY = 4 };
  static constexpr unsigned kDaReads = kNothing, kDbReads = kNothing;  // what is not read is not kept
  static constexpr Interval kDomainA{-1.0, 1.0}, kDomainB{-1.0, 1.0};  // tests draw a and b from here
};

// Apply an op to tensors of a floating dtype (of one dtype, in the binary case) and record its gradient.
Tensor apply(UnaryOp op, const Tensor& x, double a = 0.0);
Tensor apply(BinaryOp op, const Tensor& a, const Tensor& b);

// ---- unary ops

struct NegOp : UnaryDefaults {
  static constexpr std::string_view kName = "neg";
  template <class T>
  COFACTOR_HD static T forward(T x, T) {
    return -x;
  }
  template <class T>
  COFACTOR_HD static T vjp(T, T, T g, T) {
    return -g;
  }
};
inline Tensor neg(const Tensor& x) {
  return apply(op_of<NegOp>, x);
}

struct ExpOp : UnaryDefaults {
  static constexpr std::string_view kName = "exp";
  static constexpr bool kVjpReadsY = true;
  static constexpr int kCost = 16;
  template <class T>
  COFACTOR_HD static T forward(T x, T) {
    using std::exp;
    return exp(x);
  }
  template <class T>
  COFACTOR_HD static T vjp(T, T y, T g, T) {
    return g * y;
  }
};
inline Tensor exp(const Tensor& x) {
  return apply(op_of<ExpOp>, x);
}

// The natural logarithm: -inf at 0, NaN below.
struct LogOp : UnaryDefaults {
  static constexpr std::string_view kName = "log";
  static constexpr bool kVjpReadsX = true;
  static constexpr int kCost = 16;
  static constexpr Interval kDomain{0.2, 3.0};
  template <class T>
  COFACTOR_HD static T forward(T x, T) {
    using std::log;
    return log(x);
  }
  template <class T>
  COFACTOR_HD static T vjp(T x, T, T g, T) {
    return g / x;
  }
};
inline Tensor log(const Tensor& x) {
  return apply(op_of<LogOp>, x);
}

struct SqrtOp : UnaryDefaults {
  static constexpr std::string_view kName = "sqrt";
  static constexpr bool kVjpReadsY = true;
  static constexpr Interval kDomain{0.2, 3.0};
  static constexpr int kVjpFlops = 2;
  template <class T>
  COFACTOR_HD static T forward(T x, T) {
    using std::sqrt;
    return sqrt(x);
  }
  template <class T>
  COFACTOR_HD static T vjp(T, T y, T g, T) {
    return g / (T(2) * y);
  }
};
inline Tensor sqrt(const Tensor& x) {
  return apply(op_of<SqrtOp>, x);
}

// |x|; the gradient at 0 is 0.
struct AbsOp : UnaryDefaults {
  static constexpr std::string_view kName = "abs";
  static constexpr bool kVjpReadsX = true;
  template <class T>
  COFACTOR_HD static T forward(T x, T) {
    using std::abs;
    return abs(x);
  }
  template <class T>
  COFACTOR_HD static T vjp(T x, T, T g, T) {
    return x > T(0) ? g : x < T(0) ? -g : T(0);
  }
};
inline Tensor abs(const Tensor& x) {
  return apply(op_of<AbsOp>, x);
}

// max(x, 0), which keeps NaN, as PyTorch does; the gradient at 0 is 0.
struct ReluOp : UnaryDefaults {
  static constexpr std::string_view kName = "relu";
  static constexpr bool kVjpReadsY = true;
  template <class T>
  COFACTOR_HD static T forward(T x, T) {
    return x < T(0) ? T(0) : x;
  }
  template <class T>
  COFACTOR_HD static T vjp(T, T y, T g, T) {
    return y > T(0) ? g : T(0);
  }
};
inline Tensor relu(const Tensor& x) {
  return apply(op_of<ReluOp>, x);
}

struct TanhOp : UnaryDefaults {
  static constexpr std::string_view kName = "tanh";
  static constexpr bool kVjpReadsY = true;
  static constexpr int kCost = 16;
  static constexpr int kVjpFlops = 3;
  template <class T>
  COFACTOR_HD static T forward(T x, T) {
    using std::tanh;
    return tanh(x);
  }
  template <class T>
  COFACTOR_HD static T vjp(T, T y, T g, T) {
    return g * (T(1) - y * y);
  }
};
inline Tensor tanh(const Tensor& x) {
  return apply(op_of<TanhOp>, x);
}

// 1 / (1 + exp(-x)), without overflow.
struct SigmoidOp : UnaryDefaults {
  static constexpr std::string_view kName = "sigmoid";
  static constexpr bool kVjpReadsY = true;
  static constexpr int kCost = 16;
  static constexpr int kFlops = 4, kVjpFlops = 3;
  template <class T>
  COFACTOR_HD static T forward(T x, T) {
    using std::exp;
    return x >= T(0) ? T(1) / (T(1) + exp(-x)) : exp(x) / (T(1) + exp(x));
  }
  template <class T>
  COFACTOR_HD static T vjp(T, T y, T g, T) {
    return g * y * (T(1) - y);
  }
};
inline Tensor sigmoid(const Tensor& x) {
  return apply(op_of<SigmoidOp>, x);
}

struct AddScalarOp : UnaryDefaults {
  static constexpr std::string_view kName = "add_scalar";
  static constexpr std::array kArguments{0.3, -1.5};
  static constexpr int kVjpFlops = 0;
  template <class T>
  COFACTOR_HD static T forward(T x, T a) {
    return x + a;
  }
  template <class T>
  COFACTOR_HD static T vjp(T, T, T g, T) {
    return g;
  }
};
inline Tensor add(const Tensor& x, double value) {
  return apply(op_of<AddScalarOp>, x, value);
}

struct MulScalarOp : UnaryDefaults {
  static constexpr std::string_view kName = "mul_scalar";
  static constexpr std::array kArguments{0.3, -1.5, 0.0};
  template <class T>
  COFACTOR_HD static T forward(T x, T a) {
    return x * a;
  }
  template <class T>
  COFACTOR_HD static T vjp(T, T, T g, T a) {
    return g * a;
  }
};
inline Tensor mul(const Tensor& x, double value) {
  return apply(op_of<MulScalarOp>, x, value);
}

// x^a. For a = 0 the gradient is 0 everywhere, at x = 0 too.
struct PowOp : UnaryDefaults {
  static constexpr std::string_view kName = "pow";
  static constexpr bool kVjpReadsX = true;
  static constexpr int kCost = 16, kVjpCost = 16;
  static constexpr Interval kDomain{0.2, 3.0};
  static constexpr std::array kArguments{2.0, -1.5, 0.3, 0.0};
  static constexpr int kVjpFlops = 4;
  template <class T>
  COFACTOR_HD static T forward(T x, T a) {
    using std::pow;
    return pow(x, a);
  }
  template <class T>
  COFACTOR_HD static T vjp(T x, T, T g, T a) {
    using std::pow;
    return a == T(0) ? T(0) : g * a * pow(x, a - T(1));
  }
};
inline Tensor pow(const Tensor& x, double exponent) {
  return apply(op_of<PowOp>, x, exponent);
}

// ---- binary ops. y has the broadcast shape; the tape sums gradients back to each operand's shape.

struct AddOp : BinaryDefaults {
  static constexpr std::string_view kName = "add";
  template <class T>
  COFACTOR_HD static T forward(T a, T b) {
    return a + b;
  }
  static std::vector<Tensor> vjp(const BinaryContext&, const Tensor& g) { return {g, g}; }
};
inline Tensor add(const Tensor& a, const Tensor& b) {
  return apply(op_of<AddOp>, a, b);
}

struct SubOp : BinaryDefaults {
  static constexpr std::string_view kName = "sub";
  template <class T>
  COFACTOR_HD static T forward(T a, T b) {
    return a - b;
  }
  static std::vector<Tensor> vjp(const BinaryContext& context, const Tensor& g) {
    return {g, context.wants_b ? neg(g) : Tensor()};
  }
};
inline Tensor sub(const Tensor& a, const Tensor& b) {
  return apply(op_of<SubOp>, a, b);
}

Tensor mul(const Tensor& a, const Tensor& b);

struct MulOp : BinaryDefaults {
  static constexpr std::string_view kName = "mul";
  static constexpr unsigned kDaReads = kB, kDbReads = kA;
  template <class T>
  COFACTOR_HD static T forward(T a, T b) {
    return a * b;
  }
  static std::vector<Tensor> vjp(const BinaryContext& context, const Tensor& g) {
    return {context.wants_a ? mul(g, context.b) : Tensor(), context.wants_b ? mul(g, context.a) : Tensor()};
  }
};
inline Tensor mul(const Tensor& a, const Tensor& b) {
  return apply(op_of<MulOp>, a, b);
}

Tensor div(const Tensor& a, const Tensor& b);

// da = g / b, db = -g a / b^2 = -(g / b) y.
struct DivOp : BinaryDefaults {
  static constexpr std::string_view kName = "div";
  static constexpr unsigned kDaReads = kB, kDbReads = kB | kY;
  static constexpr Interval kDomainB{0.5, 2.0};
  template <class T>
  COFACTOR_HD static T forward(T a, T b) {
    return a / b;
  }
  static std::vector<Tensor> vjp(const BinaryContext& context, const Tensor& g) {
    const Tensor da = div(g, context.b);
    return {da, context.wants_b ? neg(mul(da, context.y)) : Tensor()};
  }
};
inline Tensor div(const Tensor& a, const Tensor& b) {
  return apply(op_of<DivOp>, a, b);
}

// 1 where the values are equal, else 0. No gradient.
struct EqualOp : BinaryDefaults {
  static constexpr std::string_view kName = "equal";
  static constexpr bool kDifferentiable = false;
  template <class T>
  COFACTOR_HD static T forward(T a, T b) {
    return a == b ? T(1) : T(0);
  }
};
inline Tensor equal(const Tensor& a, const Tensor& b) {
  return apply(op_of<EqualOp>, a, b);
}

}  // namespace cofactor
