// The formulas of the elementwise ops, one place for every backend: host loops and device kernels call these.
// A new elementwise op is an enumerator, a case in each switch below, and its function in engine/ops/elementwise.
#pragma once

#include <cmath>

#include "engine/dtype.h"

namespace cofactor {

// y = f(x, a): x is an element, a is a number given with the op (unused where the formula has none).
enum class UnaryOp { neg, exp, log, sqrt, abs, relu, tanh, sigmoid, add_scalar, mul_scalar, pow_scalar };
// y = f(a, b), with broadcasting.
enum class BinaryOp { add, sub, mul, div, equal };

namespace scalar {

// A pixel from its byte: byte * scale + shift. Rounded once, so that the host and every device give the same bits.
COFACTOR_HD inline float pixel(uint8_t byte, float scale, float shift) {
  using std::fma;
  return fma(static_cast<float>(byte), scale, shift);
}

template <UnaryOp op, class T>
COFACTOR_HD inline T unary(T x, T a) {
  using std::abs, std::exp, std::log, std::pow, std::sqrt, std::tanh;
  (void)a;
  if constexpr (op == UnaryOp::neg) return -x;
  if constexpr (op == UnaryOp::exp) return exp(x);
  if constexpr (op == UnaryOp::log) return log(x);
  if constexpr (op == UnaryOp::sqrt) return sqrt(x);
  if constexpr (op == UnaryOp::abs) return abs(x);
  if constexpr (op == UnaryOp::relu) return x < T(0) ? T(0) : x;  // keeps NaN, as PyTorch does
  if constexpr (op == UnaryOp::tanh) return tanh(x);
  if constexpr (op == UnaryOp::sigmoid) return x >= T(0) ? T(1) / (T(1) + exp(-x)) : exp(x) / (T(1) + exp(x));
  if constexpr (op == UnaryOp::add_scalar) return x + a;
  if constexpr (op == UnaryOp::mul_scalar) return x * a;
  if constexpr (op == UnaryOp::pow_scalar) return pow(x, a);
}

// dL/dx from the input x, the output y and g = dL/dy.
template <UnaryOp op, class T>
COFACTOR_HD inline T unary_vjp(T x, T y, T g, T a) {
  using std::pow;
  (void)x, (void)y, (void)a;
  if constexpr (op == UnaryOp::neg) return -g;
  if constexpr (op == UnaryOp::exp) return g * y;
  if constexpr (op == UnaryOp::log) return g / x;
  if constexpr (op == UnaryOp::sqrt) return g / (T(2) * y);
  if constexpr (op == UnaryOp::abs) return x > T(0) ? g : x < T(0) ? -g : T(0);
  if constexpr (op == UnaryOp::relu) return y > T(0) ? g : T(0);
  if constexpr (op == UnaryOp::tanh) return g * (T(1) - y * y);
  if constexpr (op == UnaryOp::sigmoid) return g * y * (T(1) - y);
  if constexpr (op == UnaryOp::add_scalar) return g;
  if constexpr (op == UnaryOp::mul_scalar) return g * a;
  if constexpr (op == UnaryOp::pow_scalar) return a == T(0) ? T(0) : g * a * pow(x, a - T(1));
}

// What unary_vjp<op> reads beside g, so that an op keeps no tensor that its gradient does not need.
constexpr bool vjp_reads_input(UnaryOp op) {
  return op == UnaryOp::log || op == UnaryOp::abs || op == UnaryOp::pow_scalar;
}
constexpr bool vjp_reads_output(UnaryOp op) {
  return op == UnaryOp::exp || op == UnaryOp::sqrt || op == UnaryOp::relu || op == UnaryOp::tanh ||
         op == UnaryOp::sigmoid;
}

template <BinaryOp op, class T>
COFACTOR_HD inline T binary(T a, T b) {
  if constexpr (op == BinaryOp::add) return a + b;
  if constexpr (op == BinaryOp::sub) return a - b;
  if constexpr (op == BinaryOp::mul) return a * b;
  if constexpr (op == BinaryOp::div) return a / b;
  if constexpr (op == BinaryOp::equal) return a == b ? T(1) : T(0);
}

}  // namespace scalar

constexpr std::string_view name_of(UnaryOp op) {
  switch (op) {
    case UnaryOp::neg: return "neg";
    case UnaryOp::exp: return "exp";
    case UnaryOp::log: return "log";
    case UnaryOp::sqrt: return "sqrt";
    case UnaryOp::abs: return "abs";
    case UnaryOp::relu: return "relu";
    case UnaryOp::tanh: return "tanh";
    case UnaryOp::sigmoid: return "sigmoid";
    case UnaryOp::add_scalar: return "add_scalar";
    case UnaryOp::mul_scalar: return "mul_scalar";
    case UnaryOp::pow_scalar: return "pow_scalar";
  }
  return "?";
}

constexpr std::string_view name_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::add: return "add";
    case BinaryOp::sub: return "sub";
    case BinaryOp::mul: return "mul";
    case BinaryOp::div: return "div";
    case BinaryOp::equal: return "equal";
  }
  return "?";
}

// Calls `body.template operator()<op>()` with the op as a compile-time constant.
template <class Body>
void dispatch_unary(UnaryOp op, Body&& body) {
  switch (op) {
    case UnaryOp::neg: return body.template operator()<UnaryOp::neg>();
    case UnaryOp::exp: return body.template operator()<UnaryOp::exp>();
    case UnaryOp::log: return body.template operator()<UnaryOp::log>();
    case UnaryOp::sqrt: return body.template operator()<UnaryOp::sqrt>();
    case UnaryOp::abs: return body.template operator()<UnaryOp::abs>();
    case UnaryOp::relu: return body.template operator()<UnaryOp::relu>();
    case UnaryOp::tanh: return body.template operator()<UnaryOp::tanh>();
    case UnaryOp::sigmoid: return body.template operator()<UnaryOp::sigmoid>();
    case UnaryOp::add_scalar: return body.template operator()<UnaryOp::add_scalar>();
    case UnaryOp::mul_scalar: return body.template operator()<UnaryOp::mul_scalar>();
    case UnaryOp::pow_scalar: return body.template operator()<UnaryOp::pow_scalar>();
  }
}

template <class Body>
void dispatch_binary(BinaryOp op, Body&& body) {
  switch (op) {
    case BinaryOp::add: return body.template operator()<BinaryOp::add>();
    case BinaryOp::sub: return body.template operator()<BinaryOp::sub>();
    case BinaryOp::mul: return body.template operator()<BinaryOp::mul>();
    case BinaryOp::div: return body.template operator()<BinaryOp::div>();
    case BinaryOp::equal: return body.template operator()<BinaryOp::equal>();
  }
}

}  // namespace cofactor
