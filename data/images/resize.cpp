#include "data/images/resize.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace cofactor {

namespace {

constexpr int kWeightBits = 22;  // fractional: 255 times their sum of 1 fits in 32 bits
constexpr int32_t kHalfWeight = 1 << (kWeightBits - 1);

// The inputs and weights of each output pixel along one axis.
struct Taps {
  int64_t most = 0;              // the largest count
  std::vector<int64_t> first;    // input of each output
  std::vector<int64_t> count;    // of inputs of each output
  std::vector<int32_t> weights;  // `most` per output

  int64_t outputs() const { return static_cast<int64_t>(first.size()); }
  int64_t begin() const { return first.front(); }  // of all inputs that are used
  int64_t end() const { return first.back() + count.back(); }
  const int32_t* of(int64_t output) const { return weights.data() + output * most; }
};

// For outputs begin .. begin + outputs - 1 of an axis that is resized from `in` to `out` pixels.
Taps make_taps(int64_t in, int64_t out, int64_t begin, int64_t outputs) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double support = std::max(scale, 1.0);
  Taps taps;
  taps.most = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  taps.weights.resize(static_cast<size_t>(taps.most * outputs));
  std::vector<double> weights;
  for (int64_t i = 0; i < outputs; ++i) {
    const double center = (static_cast<double>(begin + i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t end = std::min(static_cast<int64_t>(center + support + 0.5), in);
    weights.clear();
    double sum = 0.0;
    for (int64_t j = first; j < end; ++j) {
      const double distance = std::abs((static_cast<double>(j) - center + 0.5) * (1.0 / support));
      weights.push_back(std::max(0.0, 1.0 - distance));
      sum += weights.back();
    }
    if (weights.back() == 0.0) weights.pop_back();  // an axis that keeps its length has one tap per output, of weight 1
    taps.first.push_back(first);
    taps.count.push_back(static_cast<int64_t>(weights.size()));
    for (size_t j = 0; j < weights.size(); ++j)
      taps.weights[static_cast<size_t>(i * taps.most) + j] =
          static_cast<int32_t>(0.5 + weights[j] / sum * (1 << kWeightBits));
  }
  return taps;
}

uint8_t to_byte(int32_t sum) {
  return static_cast<uint8_t>(std::min(sum >> kWeightBits, 255));
}

// Resizes one row.
void resize_row(const uint8_t* row, const Taps& taps, uint8_t* out) {
  for (int64_t i = 0; i < taps.outputs(); ++i, out += kRgb) {
    const uint8_t* pixel = row + taps.first[static_cast<size_t>(i)] * kRgb;
    const int32_t* weight = taps.of(i);
    int32_t r = kHalfWeight, g = kHalfWeight, b = kHalfWeight;
    for (int64_t j = 0; j < taps.count[static_cast<size_t>(i)]; ++j, pixel += kRgb) {
      r += pixel[0] * weight[j];
      g += pixel[1] * weight[j];
      b += pixel[2] * weight[j];
    }
    out[0] = to_byte(r);
    out[1] = to_byte(g);
    out[2] = to_byte(b);
  }
}

// Resizes all columns. `rows` holds rows taps.begin() .. taps.end() - 1 of the image.
void resize_columns(const std::vector<uint8_t>& rows, int64_t row_bytes, const Taps& taps, uint8_t* out) {
  std::vector<int32_t> sums(static_cast<size_t>(row_bytes));
  for (int64_t i = 0; i < taps.outputs(); ++i, out += row_bytes) {
    std::ranges::fill(sums, kHalfWeight);
    for (int64_t j = 0; j < taps.count[static_cast<size_t>(i)]; ++j) {
      const uint8_t* __restrict row = rows.data() + (taps.first[static_cast<size_t>(i)] + j - taps.begin()) * row_bytes;
      const int32_t weight = taps.of(i)[j];
      int32_t* __restrict sum = sums.data();
      for (int64_t b = 0; b < row_bytes; ++b) sum[b] += row[b] * weight;
    }
    for (int64_t b = 0; b < row_bytes; ++b) out[b] = to_byte(sums[static_cast<size_t>(b)]);
  }
}

}  // namespace

RgbImage resize(const RgbImage& image, int64_t height, int64_t width) {
  return resize(image, height, width, {0, 0, height, width});
}

RgbImage resize(const RgbImage& image, int64_t height, int64_t width, const ImageRegion& region) {
  check(image.height > 0 && image.width > 0 && height > 0 && width > 0,
        "resize: from {} x {} to {} x {} pixels, expected at least 1 x 1", image.height, image.width, height, width);
  check(region.height > 0 && region.width > 0 && region.row >= 0 && region.column >= 0 &&
            region.row + region.height <= height && region.column + region.width <= width,
        "resize: the region of {} x {} pixels at row {}, column {} is not inside {} x {} pixels", region.height,
        region.width, region.row, region.column, height, width);
  const Taps rows = make_taps(image.height, height, region.row, region.height);
  const Taps columns = make_taps(image.width, width, region.column, region.width);
  const int64_t row_bytes = region.width * kRgb;
  std::vector<uint8_t> narrowed(static_cast<size_t>((rows.end() - rows.begin()) * row_bytes));
  for (int64_t row = rows.begin(); row < rows.end(); ++row)
    resize_row(image.pixels.data() + row * image.width * kRgb, columns,
               narrowed.data() + (row - rows.begin()) * row_bytes);
  RgbImage resized{region.height, region.width, std::vector<uint8_t>(static_cast<size_t>(region.height * row_bytes))};
  resize_columns(narrowed, row_bytes, rows, resized.pixels.data());
  return resized;
}

std::pair<int64_t, int64_t> shorter_side_to(int64_t side, int64_t height, int64_t width) {
  check(side > 0 && height > 0 && width > 0,
        "resize: {} x {} pixels to a shorter side of {}, expected numbers of at least 1", height, width, side);
  if (width <= height) return {side * height / width, side};
  return {side, side * width / height};
}

}  // namespace cofactor
