// Images for tests: Pillow's and torchvision's (tests/fixtures/make_image_fixtures.py), random ones, and files of them.
#pragma once

#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/images/rgb_image.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/random.h"

namespace cofactor::testing {

class ImageFixtures {
 public:
  ImageFixtures()
      : file_(load_safetensors(COFACTOR_SOURCE_DIR "/tests/fixtures/images.safetensors", Device::reference)) {}

  RgbImage image(const std::string& name) const {
    const Tensor& tensor = file_.at(name);
    return {tensor.shape()[0], tensor.shape()[1], bytes_of<uint8_t>(tensor)};
  }
  // The bytes of an encoded file.
  std::string encoded(const std::string& name) const {
    const std::vector<char> bytes = bytes_of<char>(file_.at("file." + name));
    return {bytes.begin(), bytes.end()};
  }
  std::vector<float> values(const std::string& name) const { return file_.at(name).to_vector<float>(); }

 private:
  template <class Byte>
  static std::vector<Byte> bytes_of(const Tensor& tensor) {
    std::vector<Byte> bytes;
    for (const int32_t value : tensor.to_vector<int32_t>()) bytes.push_back(static_cast<Byte>(value));
    return bytes;
  }

  SafetensorsFile file_;
};

// An image of random bytes.
inline RgbImage random_image(int64_t height, int64_t width, uint64_t seed = 1) {
  RgbImage image{height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * kRgb))};
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(random_word({seed, Purpose::test, 0, 0}, i));
  return image;
}

// A BMP file of 24 bits per pixel: rows from the bottom up, with B, G and R per pixel, padded to multiples of 4 bytes.
inline std::string bmp_bytes(const RgbImage& image) {
  const auto row_bytes = static_cast<size_t>(image.width * kRgb + 3) / 4 * 4;
  std::string bytes = "BM";
  const auto append = [&bytes](size_t value, int count) {
    for (int shift = 0; shift < 8 * count; shift += 8) bytes += static_cast<char>(value >> shift);
  };
  append(54 + row_bytes * static_cast<size_t>(image.height), 4);  // of the file
  append(0, 4);
  append(54, 4);  // where the pixels begin
  append(40, 4);  // of the header that follows
  append(static_cast<size_t>(image.width), 4);
  append(static_cast<size_t>(image.height), 4);
  append(1, 2);            // plane
  append(24, 2);           // bits per pixel
  bytes.append(24, '\0');  // not compressed, no palette
  for (int64_t row = image.height - 1; row >= 0; --row) {
    const uint8_t* pixel = image.pixels.data() + row * image.width * kRgb;
    for (int64_t column = 0; column < image.width; ++column, pixel += kRgb)
      bytes += {static_cast<char>(pixel[2]), static_cast<char>(pixel[1]), static_cast<char>(pixel[0])};
    bytes.append(row_bytes - static_cast<size_t>(image.width * kRgb), '\0');
  }
  return bytes;
}

// Writes a BMP, whatever its name, and creates its folders. Readers recognise images by their bytes.
inline void write_image(const std::filesystem::path& path, const RgbImage& image) {
  std::filesystem::create_directories(path.parent_path());
  write_file_atomically(path, bmp_bytes(image));
}

// Mean and standard deviation per channel over all values of the samples (H, W, 3).
struct ChannelStatistics {
  std::array<double, kRgb> mean{}, deviation{};
};
inline ChannelStatistics channel_statistics(const Dataset& data, const std::vector<int64_t>& indices) {
  std::vector<float> values(static_cast<size_t>(data.sample_shape().numel()));
  ChannelStatistics statistics;
  const double count = static_cast<double>(indices.size() * values.size() / kRgb);
  std::array<double, kRgb> sum{}, squares{};
  for (const int64_t index : indices) {
    data.read(index, {}, values.data());
    for (size_t i = 0; i < values.size(); ++i) {
      sum[i % kRgb] += values[i];
      squares[i % kRgb] += double{values[i]} * values[i];
    }
  }
  for (size_t c = 0; c < kRgb; ++c) {
    statistics.mean[c] = sum[c] / count;
    statistics.deviation[c] = std::sqrt(squares[c] / count - statistics.mean[c] * statistics.mean[c]);
  }
  return statistics;
}

}  // namespace cofactor::testing
