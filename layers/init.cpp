#include "layers/init.h"

#include <cmath>

namespace cofactor {

Initializer::Initializer(Device device, uint64_t seed, DType dtype) : device_(device), dtype_(dtype), seed_(seed) {
  check(dtype == DType::f32 || dtype == DType::f64, "initializer: parameters in {}, expected f32 or f64", dtype);
}

template <class Draw>
Tensor Initializer::draw(const Shape& shape, const FileLayout& layout, const Draw& draw) {
  const RandomKey key{.seed = seed_, .purpose = Purpose::weights, .index = next_++, .step = 0};
  return dispatch_float(dtype_, "initializer", [&]<class T>() {
    std::vector<T> values(static_cast<size_t>(shape.numel()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(draw(key, i));
    const Tensor in_file = Tensor::from(values, file_shape(shape, layout), kHost);
    return from_file_layout(in_file, shape, layout).to(device_);
  });
}

Tensor Initializer::uniform(const Shape& shape, double bound, const FileLayout& layout) {
  return draw(shape, layout,
              [bound](const RandomKey& key, uint64_t i) { return bound * (2.0 * random_uniform(key, i) - 1.0); });
}

Tensor Initializer::normal(const Shape& shape, double deviation, const FileLayout& layout) {
  return draw(shape, layout,
              [deviation](const RandomKey& key, uint64_t i) { return deviation * random_normal(key, i); });
}

Tensor Initializer::constant(const Shape& shape, double value) const {
  return Tensor::full(shape, value, dtype_, device_);
}

double Initializer::bound(int64_t fan_in) {
  check(fan_in >= 1, "initializer: a layer with {} inputs per output, expected at least 1", fan_in);
  return 1.0 / std::sqrt(static_cast<double>(fan_in));
}

double Initializer::kaiming_deviation(int64_t fan_out) {
  check(fan_out >= 1, "initializer: a layer with {} outputs per input, expected at least 1", fan_out);
  return std::sqrt(2.0 / static_cast<double>(fan_out));
}

}  // namespace cofactor
