// Writes small IDX files, plain or gzipped, and a small data set that can be learned, in the format of Fashion-MNIST.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/random.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

// Writes a file into the folder and returns its path.
inline std::filesystem::path write_in(const TemporaryFolder& folder, const std::string& name, std::string_view bytes) {
  write_file_atomically(folder / name, bytes);
  return folder / name;
}

// Header and values of an IDX file. Header and values are written as given, whether or not they agree.
inline std::string idx_bytes(const std::vector<uint32_t>& extents, std::string_view values, uint8_t type = 0x08) {
  std::string bytes = {'\0', '\0', static_cast<char>(type), static_cast<char>(extents.size())};
  for (uint32_t extent : extents)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(extent >> shift);
  return bytes.append(values);
}

inline std::string gzip_bytes(std::string_view bytes) {
  z_stream stream{};
  check(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "test: deflateInit2");
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  check(status == Z_STREAM_END, "test: deflate ended with {}", status);
  return packed;
}

struct TinyFashionMnist {
  int64_t train = 600;  // images of the training file: 5/6 of them for training, the others for validation
  int64_t test = 100;
  double bags = 0.5;  // the share of label 8; the other nine labels have equal shares of the rest
  double noise = 40;  // pixels have noise of up to this much
  uint64_t seed = 1;
  bool gzip = true;
};

namespace detail {

// A bag (label 8) is wide and low and has a handle; clothes are a narrow upright bar whose position depends on the
// label.
inline bool tiny_pixel_is_bright(int label, int row, int column) {
  if (label == 8) {
    const bool body = row >= 14 && row < 24 && column >= 3 && column < 25;
    const bool handle =
        row >= 8 && row < 14 && (column == 8 || column == 19 || (row == 8 && column > 8 && column < 19));
    return body || handle;
  }
  return row >= 2 && row < 26 && column >= 6 + label && column < 13 + label;
}

inline int tiny_label(double u, double bags) {
  if (u < bags) return 8;
  const int other = std::min(8, static_cast<int>((u - bags) / (1.0 - bags) * 9.0));  // 0 .. 8
  return other == 8 ? 9 : other;
}

inline void write_tiny_pair(const std::filesystem::path& directory, std::string_view prefix, int64_t count,
                            uint32_t stream, const TinyFashionMnist& tiny) {
  constexpr int kSide = 28;
  const RandomKey label_key{tiny.seed, Purpose::test, 2 * stream, 0};
  const RandomKey pixel_key{tiny.seed, Purpose::test, 2 * stream + 1, 0};
  std::string labels;
  std::string pixels;
  for (int64_t i = 0; i < count; ++i) {
    const int label = tiny_label(random_uniform(label_key, static_cast<uint64_t>(i)), tiny.bags);
    labels += static_cast<char>(label);
    for (int row = 0; row < kSide; ++row)
      for (int column = 0; column < kSide; ++column) {
        const double off = tiny.noise * (2.0 * random_uniform(pixel_key, pixels.size()) - 1.0);
        const double value = (tiny_pixel_is_bright(label, row, column) ? 200.0 : 40.0) + off;
        pixels += static_cast<char>(static_cast<uint8_t>(std::clamp(value, 0.0, 255.0)));
      }
  }
  const auto n = static_cast<uint32_t>(count);
  for (const auto& [kind, bytes] : {std::pair{"labels-idx1-ubyte", idx_bytes({n}, labels)},
                                    std::pair{"images-idx3-ubyte", idx_bytes({n, kSide, kSide}, pixels)}}) {
    const std::string name = fmt::format("{}-{}{}", prefix, kind, tiny.gzip ? ".gz" : "");
    write_file_atomically(directory / name, tiny.gzip ? gzip_bytes(bytes) : bytes);
  }
}

}  // namespace detail

// Writes the four files of Fashion-MNIST into an existing folder, with few images, from which a small network learns to
// distinguish bags from clothes within a few steps.
inline void write_tiny_fashion_mnist(const std::filesystem::path& directory, const TinyFashionMnist& tiny = {}) {
  detail::write_tiny_pair(directory, "train", tiny.train, 0, tiny);
  detail::write_tiny_pair(directory, "t10k", tiny.test, 1, tiny);
}

}  // namespace cofactor::testing
