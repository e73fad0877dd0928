#include "data/images/image_kind.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "engine/io/file.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

using namespace std::string_literals;

TEST_SUITE("data") {
  TEST_CASE("the kind of an image is recognised by its first bytes") {
    struct Case {
      std::string bytes;
      ImageKind kind;
    };
    const std::vector<Case> cases = {
        {"\xFF\xD8\xFF\xE0"s, ImageKind::jpeg},
        {"\xFF\xD8\xFF\xDB"s, ImageKind::jpeg},
        {"\x89PNG\r\n\x1A\n"s, ImageKind::png},
        {"GIF87a..."s, ImageKind::gif},
        {"GIF89a"s, ImageKind::gif},
        {"RIFF\x10\x20\0\0WEBPVP8 "s, ImageKind::webp},
        {"II*\0\b\0\0\0"s, ImageKind::tiff},
        {"MM\0*\0\0\0\b"s, ImageKind::tiff},
        {"II+\0\b\0\0\0"s, ImageKind::tiff},
        {"MM\0+\0\b\0\0"s, ImageKind::tiff},
        {"\0\0\0\x18"
         "ftypheic\0\0\0\0mif1heic"s,
         ImageKind::heif},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0mif1heic"s,
         ImageKind::heif},
        {"\0\0\0\x1C"
         "ftypmif1\0\0\0\0mif1avifmiaf"s,
         ImageKind::avif},
        {"\0\0\0\x1C"
         "ftypavif\0\0\0\0avifmif1miaf"s,
         ImageKind::avif},
        {"\0\0\0\x14"
         "ftypmif1\0\0\0\0miaf"s,
         ImageKind::heif},
        {"\0\0\0\x0CjP  \r\n\x87\n"s, ImageKind::jpeg2000},
        {"\xFF\x4F\xFF\x51\0\x2F"s, ImageKind::jpeg2000},
        {"8BPS\0\1"s, ImageKind::psd},
        {bmp_bytes(random_image(1, 1)), ImageKind::bmp},
        {""s, ImageKind::none},
        {"\xFF\xD8"s, ImageKind::none},
        {"\x89PNG"s, ImageKind::none},
        {"BMI of 21.5 is normal weight"s, ImageKind::none},
        {"BM"s, ImageKind::none},
        {"\0\0\0\x18"
         "ftypisom\0\0\0\0isommp42"s,
         ImageKind::none},  // a video
        {"RIFF\x10\x20\0\0WAVEfmt "s, ImageKind::none},
        {"<svg xmlns=\"http://www.w3.org/2000/svg\">"s, ImageKind::none},
        {"<!DOCTYPE html>"s, ImageKind::none},
    };
    for (const Case& c : cases) {
      CAPTURE(c.bytes);
      CHECK(name_of(image_kind(c.bytes)) == name_of(c.kind));
    }
  }

  TEST_CASE("the kind of a file depends on its content and not on its name") {
    const ImageFixtures fixtures;
    const TemporaryFolder folder;
    for (const std::string name : {"a.jfif", "b.JPE", "c.txt", "d"}) {
      write_file_atomically(folder / name, fixtures.encoded("jpeg"));
      CHECK(image_kind_of(folder / name) == ImageKind::jpeg);
    }
    write_file_atomically(folder / "empty.jpg", "");
    CHECK(image_kind_of(folder / "empty.jpg") == ImageKind::none);
    CHECK(throws_saying((folder / "missing.jpg").string(), [&] { image_kind_of(folder / "missing.jpg"); }));
    CHECK(throws_saying("not a regular file", [&] { image_kind_of(folder.path()); }));
    REQUIRE(::mkfifo((folder / "pipe.jpg").c_str(), 0600) == 0);
    CHECK(throws_saying("not a regular file", [&] { image_kind_of(folder / "pipe.jpg"); }));
  }

  TEST_CASE("JPEG and PNG and BMP are supported") {
    CHECK(is_decoded(ImageKind::jpeg));
    CHECK(is_decoded(ImageKind::png));
    CHECK(is_decoded(ImageKind::bmp));
    for (const ImageKind kind : {ImageKind::gif, ImageKind::webp, ImageKind::tiff, ImageKind::heif, ImageKind::avif,
                                 ImageKind::jpeg2000, ImageKind::psd, ImageKind::none})
      CHECK(!is_decoded(kind));
    CHECK(name_of(ImageKind::webp) == "WebP");
    CHECK(name_of(ImageKind::none) == "unknown");
  }
}

}  // namespace cofactor::testing
