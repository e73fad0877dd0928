#include "data/images/jpeg_check.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "data/images/decode.h"
#include "tests/data/images/drawn_jpeg.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

const std::string kEnd = "\xFF\xD9";

std::string jpeg_error(const std::string& bytes) {
  return error_of([&] { decode_image(bytes, "some/image.jpg"); });
}

// The values of the blocks of a decoded image. Fails if a block has more than one.
std::vector<int> block_values(const std::string& bytes) {
  const RgbImage image = decode_image(bytes, "drawn.jpg");
  std::vector<int> values;
  for (int64_t row = 0; row < image.height; row += 8)
    for (int64_t column = 0; column < image.width; column += 8)
      values.push_back(image.pixels[static_cast<size_t>((row * image.width + column) * kRgb)]);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const auto pixel = static_cast<int64_t>(i) / kRgb;
    const int64_t block = pixel / image.width / 8 * (image.width / 8) + pixel % image.width / 8;
    if (image.pixels[i] != values[static_cast<size_t>(block)]) FAIL("byte ", i, " differs within its block");
  }
  return values;
}

const std::vector<int> kValues = {10, 200, 77, 255, 0, 128};

// Two rows of three blocks, with two blocks between restart markers. `before` is inserted before each marker.
std::string with_restarts(const std::vector<int>& markers, const std::string& before = "") {
  const DrawnJpeg jpeg(2, 3, kValues);
  std::string bytes = jpeg.head(2) + DrawnJpeg::scan_header(0, 63) + jpeg.data(0, 2, true, true);
  size_t block = 2;
  for (const int marker : markers) {
    bytes += before + '\xFF' + static_cast<char>(0xD0 + marker) + jpeg.data(block, block + 2, true, true);
    block += 2;
  }
  return bytes + kEnd;
}

std::string progressive(const std::vector<std::string>& scans) {
  std::string bytes = DrawnJpeg(2, 3, kValues, true).head();
  for (const std::string& scan : scans) bytes += scan;
  return bytes + kEnd;
}
std::string dc_scan() {
  return DrawnJpeg::scan_header(0, 0) + DrawnJpeg(2, 3, kValues).data(0, 6, true, false);
}
std::string ac_scan(int first, int last, int high, int low) {
  return DrawnJpeg::scan_header(first, last, high, low) + DrawnJpeg(2, 3, kValues).data(0, 6, false, true);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("JPEGs written for tests decode to their values") {
    CHECK(block_values(DrawnJpeg(2, 3, kValues).baseline()) == kValues);
    CHECK(block_values(progressive({dc_scan(), ac_scan(1, 63, 0, 0)})) == kValues);
    CHECK(block_values(progressive({dc_scan(), ac_scan(1, 5, 0, 1), ac_scan(6, 63, 0, 1), ac_scan(1, 63, 1, 0)})) ==
          kValues);
    CHECK(block_values(with_restarts({0, 1})) == kValues);
  }

  TEST_CASE("a scan that is cut and closed by an end marker is an error at every length") {
    const DrawnJpeg jpeg(2, 3, kValues);
    const std::string head = jpeg.head() + DrawnJpeg::scan_header(0, 63), data = jpeg.data(0, 6, true, true);
    for (size_t size = 0; size < data.size(); ++size) {
      std::string part = data.substr(0, size);
      if (part.ends_with('\xFF')) part.pop_back();
      const std::string message = jpeg_error(head + part + kEnd);
      CAPTURE(size);
      CHECK(contains(message, "image: 'some/image.jpg' is damaged: the scan at byte"));
      CHECK(contains(message, fmt::format("it ends at byte {}, in unit ", head.size() + part.size())));
      CHECK(contains(message, " of 6"));
    }
  }

  TEST_CASE("restart markers must be in order and stray bytes before them are skipped") {
    for (const std::string& stray :
         {std::string(1, '\0'), std::string("\x12\x34\x56"), std::string("\xFF\0\x01", 3), std::string("\xFF\xFF")})
      CHECK(block_values(with_restarts({0, 1}, stray)) == kValues);
    CHECK(contains(jpeg_error(with_restarts({0, 1}, std::string(65, '\x01'))), "has 65 bytes after the last of its"));
    CHECK(contains(jpeg_error(with_restarts({1, 0})), "restart marker 1 at byte"));
    CHECK(contains(jpeg_error(with_restarts({0})), "is cut short: it ends at byte"));
    CHECK(contains(jpeg_error(with_restarts({1})), "restart marker 1 at byte"));
  }

  TEST_CASE("a progressive JPEG must contain each coefficient once and to its last bit") {
    CHECK(contains(jpeg_error(progressive({dc_scan()})), "all bits of coefficient 1 of component 1 are missing"));
    CHECK(contains(jpeg_error(progressive({dc_scan(), ac_scan(1, 62, 0, 0)})),
                   "all bits of coefficient 63 of component 1 are missing"));
    CHECK(contains(jpeg_error(progressive({dc_scan(), ac_scan(1, 63, 0, 1)})),
                   "some bits of coefficient 1 of component 1 are missing"));
    CHECK(contains(jpeg_error(progressive({dc_scan(), ac_scan(1, 63, 0, 2), ac_scan(1, 63, 1, 0)})),
                   "continues at bit 1 of coefficient 1 of component 1, expected bit 2"));
    CHECK(contains(jpeg_error(progressive({dc_scan(), ac_scan(1, 63, 0, 0), ac_scan(1, 1, 0, 0)})),
                   "continues at bit 0 of coefficient 1"));
    CHECK(contains(jpeg_error(progressive({ac_scan(1, 63, 0, 0)})), "precedes the first scan of component 1"));
    CHECK(contains(jpeg_error(progressive({DrawnJpeg::scan_header(0, 63)})), "contains coefficients 0 to 63"));
    CHECK(contains(jpeg_error(progressive({dc_scan(), ac_scan(1, 64, 0, 0)})), "contains coefficients 1 to 64"));
    CHECK(contains(jpeg_error(progressive({dc_scan(), ac_scan(1, 63, 0, 14)})), "goes from bit 0 to bit 14"));
  }

  TEST_CASE("passes over a progressive JPEG are bounded") {
    std::vector<std::string> scans = {dc_scan()};
    for (int i = 1; i < 64; ++i) scans.push_back(ac_scan(i, i, 0, 1));
    scans.push_back(ac_scan(1, 63, 1, 0));
    CHECK(contains(jpeg_error(progressive(scans)), "pass over the image more than 64 times"));
    scans = {dc_scan()};
    for (int i = 1; i < 62; ++i) scans.push_back(ac_scan(i, i, 0, 0));
    scans.push_back(ac_scan(62, 63, 0, 0));
    CHECK(block_values(progressive(scans)) == kValues);
  }

  TEST_CASE("a large JPEG with a few bits per block is accepted") {
    const std::vector<int> values(size_t{200} * 200, 99);
    const std::string bytes = DrawnJpeg(200, 200, values).baseline();
    CHECK(bytes.size() < 26000);
    CHECK(decode_image(bytes, "white.jpg").pixels == std::vector<uint8_t>(size_t{1600} * 1600 * 3, 99));
  }

  TEST_CASE("a JPEG with too few bytes for its pixels is an error before memory is allocated") {
    std::string bytes = DrawnJpeg(2, 3, kValues).baseline();
    const size_t frame = bytes.find("\xFF\xC0");
    bytes.replace(frame + 5, 4, "\x2D\x40\x2D\x40");
    CHECK(contains(jpeg_error(bytes), "declares 11584 x 11584 pixels, which are 2096704 blocks, but the "));
    bytes.replace(frame + 5, 4, "\xFF\xFF\xFF\xFF");
    CHECK(jpeg_error(bytes) ==
          "image: the header of 'some/image.jpg' declares 65535 x 65535 pixels, expected at most 134217728");
  }

  TEST_CASE("codes that are in no table of the JPEG are errors") {
    const std::string head = DrawnJpeg(2, 3, kValues).head();
    const std::string bytes = head + DrawnJpeg::scan_header(0, 63) + std::string(8, '\xF0') + kEnd;
    CHECK(contains(jpeg_error(bytes), "unit 0 of 6 in the scan at byte"));
    CHECK(contains(jpeg_error(head + DrawnJpeg::scan_header(0, 63)), "is cut short"));
    std::string tables = head + DrawnJpeg::scan_header(0, 63);
    tables[tables.size() - 4] = '\x11';
    CHECK(contains(jpeg_error(tables + kEnd), "uses DC Huffman table 1, which is not defined"));
  }
}

}  // namespace cofactor::testing
