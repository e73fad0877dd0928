// The parity tests' frame: one body of kernel calls, run once on the reference backend in f64, which gives the expected
// values, then on every device of this build (the reference too) in f32, compared with them. Then all of it again with
// inputs rounded to bf16, on the devices in bf16.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend.h"
#include "engine/profile/recorder.h"
#include "engine/random.h"

namespace cofactor::parity {

// A value passes where |value - expected| <= absolute + relative |expected|. NaN matches NaN alone; with
// `nan_may_spread`, NaN may stand for any number, but no number for NaN.
struct Tolerance {
  double absolute = 1e-5;
  double relative = 1e-5;
  bool nan_may_spread = false;
};
inline constexpr Tolerance kExact{0.0, 0.0};
// A result that is rounded to bf16 once is off by up to half of the last of its 8 bits.
inline constexpr double kBf16Rounding = 0x1p-8;

inline constexpr std::array kAllDTypes{DType::f32, DType::f64, DType::bf16, DType::i32, DType::u8};

template <class To>
Tensor tensor_of(const std::vector<double>& values, const Shape& shape, Device device) {
  std::vector<To> converted;
  converted.reserve(values.size());
  for (double value : values) {
    if constexpr (std::is_same_v<To, bf16>)
      converted.push_back(bf16(static_cast<float>(value)));
    else
      converted.push_back(static_cast<To>(value));
  }
  return Tensor::from(converted, shape, device);
}

// A tensor of any dtype from host values.
inline Tensor tensor_of(const std::vector<double>& values, const Shape& shape, DType dtype, Device device) {
  switch (dtype) {
    case DType::f32: return tensor_of<float>(values, shape, device);
    case DType::f64: return tensor_of<double>(values, shape, device);
    case DType::bf16: return tensor_of<bf16>(values, shape, device);
    case DType::i32: return tensor_of<int32_t>(values, shape, device);
    case DType::u8: return tensor_of<uint8_t>(values, shape, device);
  }
  return {};
}

template <class From>
std::vector<double> host_values(const Tensor& x) {
  std::vector<double> values;
  for (From value : x.to_vector<From>()) {
    if constexpr (std::is_same_v<From, bf16>)
      values.push_back(static_cast<float>(value));
    else
      values.push_back(static_cast<double>(value));
  }
  return values;
}

// The values of a tensor of any dtype.
inline std::vector<double> values_of(const Tensor& x) {
  switch (x.dtype()) {
    case DType::f32: return host_values<float>(x);
    case DType::f64: return host_values<double>(x);
    case DType::bf16: return host_values<bf16>(x);
    case DType::i32: return host_values<int32_t>(x);
    case DType::u8: return host_values<uint8_t>(x);
  }
  return {};
}

// One execution of a body on one device. Every execution draws the same inputs, rounded to `inputs` (f32 or bf16), so
// that all start from equal numbers.
class Run {
 public:
  // `unwritten` fills the outputs beforehand; it differs between executions, so that an element that no kernel writes
  // shows as a difference.
  Run(Device device, DType dtype, DType inputs, double unwritten)
      : device_(device), dtype_(dtype), inputs_(inputs), unwritten_(unwritten) {}

  // With the environment variable COFACTOR_TEST_TIMED by way of the backend that times its calls, as in a profile.
  Backend& backend() const {
    static const bool timed = std::getenv("COFACTOR_TEST_TIMED") != nullptr;
    return timed ? profile::timed(backend_of(device_)) : backend_of(device_);
  }

  // Uniform in [low, high).
  Tensor random(const Shape& shape, double low = -1.0, double high = 1.0) {
    return values(draw_real(shape, low, high), shape);
  }
  // The same in the dtype of what is wide beside the run's (engine/backend.h): f32 beside bf16.
  Tensor random_wide(const Shape& shape, double low = -1.0, double high = 1.0) {
    return values(draw_real(shape, low, high), shape, compute_dtype(dtype_));
  }
  // Integers in [0, bound), in any dtype.
  Tensor integers(const Shape& shape, int bound, DType dtype) {
    return tensor_of(draw(shape, [=](double u) { return std::floor(u * bound); }), shape, dtype, device_);
  }
  // Small integers in the run's dtype: many ties.
  Tensor ties(const Shape& shape, int bound = 3) { return integers(shape, bound, dtype_); }
  Tensor labels(const Shape& shape, int64_t classes) { return integers(shape, static_cast<int>(classes), DType::i32); }
  Tensor values(const std::vector<double>& values, const Shape& shape) const {
    return tensor_of(values, shape, dtype_, device_);
  }
  Tensor values(const std::vector<double>& values, const Shape& shape, DType dtype) const {
    return tensor_of(values, shape, dtype, device_);
  }

  Tensor output(const Shape& shape) const { return output(shape, dtype_); }
  Tensor output_wide(const Shape& shape) const { return output(shape, compute_dtype(dtype_)); }
  Tensor output(const Shape& shape, DType dtype) const {
    return tensor_of(std::vector<double>(static_cast<size_t>(shape.numel()), unwritten_), shape, dtype, device_);
  }
  // Undefined where a backend needs none.
  Tensor workspace(size_t bytes) const {
    return bytes == 0 ? Tensor() : output({static_cast<int64_t>(bytes)}, DType::u8);
  }

  // Compares this tensor with the same one of the reference.
  void keep(std::string name, const Tensor& x) { kept_.emplace_back(std::move(name), values_of(x)); }
  void keep(std::string name, double value) { kept_.emplace_back(std::move(name), std::vector{value}); }

  Device device() const { return device_; }
  DType dtype() const { return dtype_; }
  const std::vector<std::pair<std::string, std::vector<double>>>& kept() const { return kept_; }

 private:
  std::vector<double> draw_real(const Shape& shape, double low, double high) {
    return draw(shape, [=, this](double u) {
      const auto value = static_cast<float>(low + (high - low) * u);
      return inputs_ == DType::bf16 ? static_cast<float>(bf16(value)) : value;
    });
  }
  template <class Map>
  std::vector<double> draw(const Shape& shape, Map map) {
    std::vector<double> result(static_cast<size_t>(shape.numel()));
    const RandomKey key{.seed = 20, .purpose = Purpose::test, .index = draws_++};
    for (size_t i = 0; i < result.size(); ++i) result[i] = map(random_uniform(key, i));
    return result;
  }

  Device device_;
  DType dtype_, inputs_;
  double unwritten_;
  uint32_t draws_ = 0;
  std::vector<std::pair<std::string, std::vector<double>>> kept_;
};

inline bool within(double value, double expected, Tolerance tolerance) {
  if (std::isnan(expected)) return std::isnan(value);
  if (std::isnan(value)) return tolerance.nan_may_spread;
  return value == expected ||
         std::abs(value - expected) <= tolerance.absolute + tolerance.relative * std::abs(expected);
}

// Compares vectors, and says of the first element that is off which one it is, and how many there are.
inline void check_close(const std::string& what, const std::vector<double>& values, const std::vector<double>& expected,
                        Tolerance tolerance) {
  REQUIRE_MESSAGE(values.size() == expected.size(),
                  what << ": " << values.size() << " values, not " << expected.size());
  size_t wrong = 0, first = 0;
  for (size_t i = values.size(); i-- > 0;)
    if (!within(values[i], expected[i], tolerance)) {
      ++wrong;
      first = i;
    }
  const std::string text = wrong == 0 ? what
                                      : fmt::format("{}: {} of {} values are off, first [{}]: {} instead of {}", what,
                                                    wrong, values.size(), first, values[first], expected[first]);
  CHECK_MESSAGE(wrong == 0, text);
}

// Counts what could not be compared, and says so when all tests have run.
class SkippedParity {
 public:
  static void add(Device device, const std::string& kernel) {
    static SkippedParity all;
    ++all.cases_[device][kernel];
  }

 private:
  ~SkippedParity() {
    for (const auto& [device, kernels] : cases_) {
      std::string names;
      int count = 0;
      for (const auto& [kernel, cases] : kernels) {
        names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", kernel, cases);
        count += cases;
      }
      fmt::print("skipped: {} parity cases on {}, which is not here: {}\n", count, device, names);
    }
  }
  std::map<Device, std::map<std::string, int>> cases_;
};

// The parity of one kernel.
class Parity {
 public:
  // `bf16` false: of a kernel that has no part in bf16.
  explicit Parity(std::string kernel, bool bf16 = true) : kernel_(std::move(kernel)), bf16_(bf16) {}
  // Of a kernel that may write NaN beyond where it belongs on devices of that kind.
  Parity& nan_may_spread_on(DeviceKind kind) {
    spreads_on_ = kind;
    return *this;
  }

  // `roundings`: how many times a result in bf16 is rounded on its way, its own rounding among them.
  void check(const std::string& what, Tolerance tolerance, const std::function<void(Run&)>& body,
             int roundings = 1) const {
    for (Device device : {Device::cpu, Device::cuda})
      if (!is_available(device)) SkippedParity::add(device, kernel_);
    compare(what, DType::f32, tolerance, body);
    if (!bf16_) return;
    const double rounding = roundings * kBf16Rounding;
    // Where a value is rounded on its way, the result may be small beside it.
    tolerance.absolute = std::max(tolerance.absolute, roundings > 1 ? rounding : 0.0);
    tolerance.relative = std::max(tolerance.relative, rounding);
    compare(what, DType::bf16, tolerance, body);
  }

 private:
  static bool is_available(Device device) {
    const std::vector<Device> available = available_devices();
    return std::ranges::find(available, device) != available.end();
  }

  void compare(const std::string& what, DType dtype, Tolerance tolerance, const std::function<void(Run&)>& body) const {
    Run expected(Device::reference, DType::f64, dtype, 101.0);
    body(expected);
    REQUIRE(!expected.kept().empty());
    for (Device device : available_devices()) {
      if (device.index() > 0) continue;  // the kernels of the first GPU
      Run run(device, dtype, dtype, 67.0);
      body(run);
      tolerance.nan_may_spread = spreads_on_ == device.kind();
      REQUIRE(run.kept().size() == expected.kept().size());
      for (size_t k = 0; k < run.kept().size(); ++k)
        check_close(fmt::format("{} on {} in {}, {}: {}", kernel_, device, dtype, what, run.kept()[k].first),
                    run.kept()[k].second, expected.kept()[k].second, tolerance);
    }
  }

  std::string kernel_;
  bool bf16_;
  std::optional<DeviceKind> spreads_on_;
};

// A tensor on the reference backend in f64, for tests of the oracle itself against numbers worked out by hand.
inline Tensor oracle(const std::vector<double>& values, const Shape& shape) {
  return tensor_of(values, shape, DType::f64, Device::reference);
}
inline Tensor oracle_output(const Shape& shape) {
  return tensor_of(std::vector<double>(static_cast<size_t>(shape.numel()), 101.0), shape, DType::f64,
                   Device::reference);
}
inline Tensor oracle_labels(const std::vector<double>& values, const Shape& shape) {
  return tensor_of(values, shape, DType::i32, Device::reference);
}

}  // namespace cofactor::parity
