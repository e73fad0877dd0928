#include "data/images/decode.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

const std::vector<std::string> kLossless = {"png", "png_palette", "png_alpha", "png_gray", "png_16", "bmp"};
const std::vector<std::string> kJpegs = {"jpeg", "jpeg_444", "jpeg_progressive", "jpeg_gray", "jpeg_cmyk"};

// The largest and the mean difference between bytes.
std::pair<int, double> differences(const RgbImage& a, const RgbImage& b) {
  int largest = 0, sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const int difference = std::abs(int{a.pixels[i]} - int{b.pixels[i]});
    largest = std::max(largest, difference);
    sum += difference;
  }
  return {largest, static_cast<double>(sum) / static_cast<double>(a.pixels.size())};
}

std::string decoding_error(std::string_view bytes) {
  return error_of([&] { decode_image(bytes, "some/image.jpg"); });
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("PNG and BMP files decode to the bytes of Pillow") {
    const ImageFixtures fixtures;
    for (const std::string& name : kLossless) {
      CAPTURE(name);
      const RgbImage image = decode_image(fixtures.encoded(name), name), expected = fixtures.image("decoded." + name);
      CHECK(image.height == expected.height);
      CHECK(image.width == expected.width);
      CHECK(image.pixels == expected.pixels);
    }
    const RgbImage drawn = random_image(5, 3);
    CHECK(decode_image(bmp_bytes(drawn), "drawn").pixels == drawn.pixels);
  }

  TEST_CASE("JPEG files decode to the bytes of Pillow up to rounding") {
    const ImageFixtures fixtures;
    for (const std::string& name : kJpegs) {
      CAPTURE(name);
      const RgbImage image = decode_image(fixtures.encoded(name), name), expected = fixtures.image("decoded." + name);
      REQUIRE(image.height == expected.height);
      REQUIRE(image.width == expected.width);
      const auto [largest, mean] = differences(image, expected);
      // The libraries interpolate color of half the resolution slightly differently.
      CHECK(largest <= (name == "jpeg" || name == "jpeg_progressive" ? 6 : 3));
      CHECK(mean < 0.7);
    }
  }

  TEST_CASE("an image that is cut short anywhere is an error that names the file") {
    const ImageFixtures fixtures;
    std::vector<std::string> names = kLossless;
    names.insert(names.end(), kJpegs.begin(), kJpegs.end());
    for (const std::string& name : names) {
      CAPTURE(name);
      const std::string whole = fixtures.encoded(name);
      for (size_t size = 0; size < whole.size(); ++size) {
        const std::string message = decoding_error(whole.substr(0, size));
        if (!message.starts_with("image: 'some/image.jpg' ")) FAIL_CHECK(size, " bytes: ", message);
      }
    }
    CHECK(decoding_error(fixtures.encoded("bmp").substr(0, 1000)) ==
          "image: 'some/image.jpg' is cut short: the file ends at byte 1000, before the image is complete");
    CHECK(decoding_error(fixtures.encoded("jpeg").substr(0, 700)) ==
          "image: 'some/image.jpg' is cut short: the file ends at byte 700, before the image is complete");
  }

  TEST_CASE("damaged images either decode or are errors") {
    const ImageFixtures fixtures;
    int rejected = 0, decoded = 0;
    for (const std::string name : {"jpeg", "jpeg_progressive", "png", "png_palette", "bmp"}) {
      const std::string whole = fixtures.encoded(name);
      for (uint32_t round = 0; round < 300; ++round) {
        const RandomKey key{7, Purpose::test, round, 0};
        std::string bytes = whole;
        for (uint64_t change = 0; change < 3; ++change)
          bytes[static_cast<size_t>(random_below(key, 2 * change, static_cast<int64_t>(bytes.size())))] =
              static_cast<char>(random_below(key, 2 * change + 1, 256));
        const std::string message = decoding_error(bytes);
        ++(message.empty() ? decoded : rejected);
        if (!message.empty()) CHECK(message.find("some/image.jpg") != std::string::npos);
      }
    }
    CHECK(rejected > 100);
    CHECK(decoded > 100);
  }

  TEST_CASE("a JPEG's table that is too large is an error and metadata that look like one are not") {
    const ImageFixtures fixtures;
    for (const std::string name : {"jpeg", "jpeg_progressive"}) {
      const std::string whole = fixtures.encoded(name);
      const size_t first = whole.find("\xFF\xC4"), last = whole.rfind("\xFF\xC4");
      REQUIRE(first < last);
      for (const size_t at : {first, last}) {
        std::string bytes = whole;
        bytes.replace(at + 5, 2, "\xFF\xFF");  // symbols with codes of 1 and of 2 bits
        const std::string message = decoding_error(bytes);
        CHECK(contains(message, fmt::format("the Huffman table at byte {} has ", at + 4)));
        CHECK(contains(message, " symbols, expected at most 256"));
      }
      const std::string table = "\xFF\xC4\xFF" + std::string(30, '\xFE');
      const std::string comment = std::string("\xFF\xFE\0\x23", 4) + table;
      REQUIRE(comment.size() == 2 + 0x23);
      const std::string with_comment = whole.substr(0, 2) + comment + whole.substr(2) + table;
      CHECK(decode_image(with_comment, name).pixels == decode_image(whole, name).pixels);
    }
  }

  TEST_CASE("unsupported files are errors that name their kind") {
    CHECK(decoding_error("") == "image: 'some/image.jpg' is empty");
    CHECK(decoding_error("an image, surely") ==
          "image: 'some/image.jpg' is not an image: it does not begin like a JPEG, PNG or BMP file");
    CHECK(decoding_error(std::string("RIFF\x1A\0\0\0WEBPVP8L", 16)) ==
          "image: 'some/image.jpg' is a WebP image; only JPEG, PNG and BMP are supported");
    CHECK(contains(decoding_error("GIF89a\x01"), "is a GIF image"));
    RgbImage large{1, 2, std::vector<uint8_t>(6)};
    std::string bytes = bmp_bytes(large);
    for (const size_t at : {18, 22}) bytes.replace(at, 4, std::string("\xff\xff\0\0", 4));
    CHECK(decoding_error(bytes) ==
          "image: the header of 'some/image.jpg' declares 65535 x 65535 pixels, expected at most 134217728");

    const TemporaryFolder folder;
    CHECK(contains(error_of([&] { read_image(folder / "none.jpg"); }), (folder / "none.jpg").string()));
    CHECK(contains(error_of([&] { read_image(folder.path()); }), folder.path().string()));
    write_image(folder / "deep/down.jpeg", random_image(2, 2));
    CHECK(read_image(folder / "deep/down.jpeg").pixels == random_image(2, 2).pixels);
  }
}

}  // namespace cofactor::testing
