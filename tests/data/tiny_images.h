// Writes small data sets that can be learned, in the formats of CIFAR-10, Dogs vs. Cats and Clothing1M.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>

#include "data/sets/cifar10.h"
#include "data/sets/clothing1m.h"
#include "tests/data/image_fixtures.h"

namespace cofactor::testing {

// An image whose color and bright quarter depend on its class. Every byte has noise of up to `noise`.
inline RgbImage tiny_class_image(int64_t side, int label, uint64_t seed, int noise = 20) {
  RgbImage image = random_image(side, side, seed);
  for (int64_t row = 0; row < side; ++row)
    for (int64_t column = 0; column < side; ++column)
      for (int64_t c = 0; c < kRgb; ++c) {
        const bool quarter = (row >= side / 2) == (label % 2 == 1) && (column >= side / 2) == (label / 2 % 2 == 1);
        const int shade = 70 + 40 * (label / (c == 0 ? 1 : c == 1 ? 3 : 9) % 3) + (quarter ? 50 : 0);
        uint8_t& byte = image.pixels[static_cast<size_t>((row * side + column) * kRgb + c)];
        byte = static_cast<uint8_t>(std::clamp(shade + byte % (2 * noise + 1) - noise, 0, 255));
      }
  return image;
}

// A record of CIFAR-10's binary version: the label, then one plane per channel.
inline std::string cifar10_record(int label, const RgbImage& image) {
  std::string bytes(1, static_cast<char>(label));
  for (size_t c = 0; c < kRgb; ++c)
    for (size_t i = c; i < image.pixels.size(); i += kRgb) bytes += static_cast<char>(image.pixels[i]);
  return bytes;
}

// data_batch_1.bin to data_batch_5.bin and test_batch.bin with this many records each; labels take turns.
inline void write_tiny_cifar10_binary(const std::filesystem::path& directory, int records = 20) {
  uint64_t seed = 0;
  for (const std::string name :
       {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"}) {
    std::string bytes;
    for (int i = 0; i < records; ++i, ++seed) bytes += cifar10_record(i % 10, tiny_class_image(32, i % 10, seed));
    write_file_atomically(directory / (name + ".bin"), bytes);
  }
}

// train/<class>/0000.jpg and so on, and test/<class>/ likewise.
inline void write_tiny_cifar10_folders(const std::filesystem::path& directory, int train = 5, int test = 1) {
  uint64_t seed = 0;
  for (const auto& [part, count] : {std::pair{"train", train}, std::pair{"test", test}})
    for (int label = 0; label < 10; ++label)
      for (int i = 0; i < count; ++i, ++seed)
        write_image(directory / part / kCifar10Classes[static_cast<size_t>(label)] / fmt::format("{:04}.jpg", i),
                    tiny_class_image(32, label, seed));
}

// train/cat.0.jpg and so on, and as many dogs, of different sizes.
inline void write_tiny_dogs_vs_cats(const std::filesystem::path& directory, int each = 20) {
  uint64_t seed = 0;
  for (int label = 0; label < 2; ++label)
    for (int i = 0; i < each; ++i, ++seed)
      write_image(directory / "train" / fmt::format("{}.{}.jpg", label == 0 ? "cat" : "dog", i),
                  tiny_class_image(30 + i % 7, label, seed));
}

struct TinyClothing1m {
  int train = 56, validation = 28, test = 28;
  int side = 40;
};

// The three annotation files and the images. Labels take turns; every fourth training label is one too high, as noise.
inline void write_tiny_clothing1m(const std::filesystem::path& directory, const TinyClothing1m& tiny = {}) {
  constexpr auto kClasses = static_cast<int>(kClothing1mClasses.size());
  uint64_t seed = 0;
  std::filesystem::create_directories(directory / "annotations");
  for (const auto& [name, count] :
       {std::pair{"noisy_train.txt", tiny.train}, std::pair{"clean_val.txt", tiny.validation},
        std::pair{"clean_test.txt", tiny.test}}) {
    std::string lines;
    for (int i = 0; i < count; ++i, ++seed) {
      const std::string path = fmt::format("images/{}/{}/{:06},{}.jpg", seed % 3, seed % 5, seed, seed * 7919);
      const bool is_noisy = std::string_view(name) == "noisy_train.txt" && i % 4 == 3;
      lines += fmt::format("{} {}\n", path, (i + (is_noisy ? 1 : 0)) % kClasses);
      write_image(directory / path, tiny_class_image(tiny.side, i % kClasses, seed));
    }
    write_file_atomically(directory / "annotations" / name, lines);
  }
}

}  // namespace cofactor::testing
