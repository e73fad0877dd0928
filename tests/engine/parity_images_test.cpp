// Batches made of images that lie on the device as bytes.
#include "tests/engine/parity.h"

namespace cofactor::parity {
namespace {

// Windows that begin within `reach` pixels of the images' own first ones, some of them mirrored.
Tensor random_windows(Run& run, int64_t count, int images, int reach) {
  const std::vector<double> image = values_of(run.integers({count}, images, DType::i32));
  const std::vector<double> row = values_of(run.integers({count}, 2 * reach + 1, DType::i32));
  const std::vector<double> column = values_of(run.integers({count}, 2 * reach + 1, DType::i32));
  const std::vector<double> mirrored = values_of(run.integers({count}, 2, DType::i32));
  std::vector<double> windows;
  for (size_t n = 0; n < image.size(); ++n)
    windows.insert(windows.end(), {image[n], row[n] - reach, column[n] - reach, mirrored[n]});
  return run.values(windows, {count, 4}, DType::i32);
}

TEST_SUITE("parity") {
  TEST_CASE("images_from_bytes gives the same bits everywhere") {
    struct Case {
      Shape bytes;
      int64_t count, height, width;
      int reach;
    };
    const Parity parity("images_from_bytes");
    for (const Case& c : {Case{{5, 6, 7, 3}, 4, 6, 7, 0},      // whole images
                          {{5, 6, 7, 3}, 9, 6, 7, 2},          // padded and cropped to their own size
                          {{3, 28, 28, 1}, 5, 28, 28, 4},      //
                          {{3, 10, 9, 3}, 6, 8, 8, 3},         // whole packs in a row
                          {{4, 5, 3, 2}, 7, 11, 1, 13},        // larger one way, smaller the other; some all padding
                          {{1, 1, 1, 1}, 3, 1, 1, 1},          //
                          {{2, 33, 17, 5}, 130, 16, 19, 40}})  //
      parity.check(fmt::format("{} to {} x {}, reach {}", c.bytes, c.height, c.width, c.reach), kExact, [&](Run& run) {
        const Tensor bytes = run.integers(c.bytes, 256, DType::u8);
        const Tensor windows = random_windows(run, c.count, static_cast<int>(c.bytes[0]), c.reach);
        const Tensor scale = run.values(values_of(run.random({c.bytes[3]}, 0.001, 0.1)), {c.bytes[3]}, DType::f32);
        const Tensor shift = run.values(values_of(run.random({c.bytes[3]}, -2.0, 2.0)), {c.bytes[3]}, DType::f32);
        const Tensor y = run.output({c.count, c.height, c.width, c.bytes[3]}, DType::f32);
        run.backend().images_from_bytes(bytes, windows, scale, shift, y);
        run.keep("y", y);
      });
  }
}

TEST_SUITE("unit") {
  TEST_CASE("reference images_from_bytes by hand") {
    // Two images of 2 x 3 pixels; a pixel's value is its byte / 2 - 1.
    const Tensor bytes =
        tensor_of({0, 2, 4, 6, 8, 10, 100, 102, 104, 106, 108, 110}, {2, 2, 3, 1}, DType::u8, Device::reference);
    const Tensor scale = tensor_of({0.5}, {1}, DType::f32, Device::reference);
    const Tensor shift = tensor_of({-1.0}, {1}, DType::f32, Device::reference);
    const auto window = [&](std::vector<double> place, int64_t height, int64_t width) {
      const Tensor windows = tensor_of(place, {1, 4}, DType::i32, Device::reference);
      const Tensor y = Tensor::empty({1, height, width, 1}, DType::f32, Device::reference);
      y.backend().images_from_bytes(bytes, windows, scale, shift, y);
      return values_of(y);
    };
    using Values = std::vector<double>;
    CHECK(window({1, 0, 0, 0}, 2, 3) == Values{49, 50, 51, 52, 53, 54});
    CHECK(window({1, 0, 0, 1}, 2, 3) == Values{51, 50, 49, 54, 53, 52});
    CHECK(window({0, 1, 1, 0}, 1, 2) == Values{3, 4});
    CHECK(window({0, 1, 1, 1}, 1, 2) == Values{4, 3});
    // Rows and columns outside are byte 0, so -1, not 0. The mirror stands in the window: padding changes sides.
    CHECK(window({1, -1, 1, 0}, 2, 3) == Values{-1, -1, -1, 50, 51, -1});
    CHECK(window({1, -1, 1, 1}, 2, 3) == Values{-1, -1, -1, -1, 51, 50});
    CHECK(window({1, 1, -2, 0}, 2, 3) == Values{-1, -1, 52, -1, -1, -1});
    CHECK(window({1, 2147483647, -2147483647, 1}, 1, 2) == Values{-1, -1});
  }
}

}  // namespace
}  // namespace cofactor::parity
