#include "data/files/file_account.h"

#include <doctest/doctest.h>

namespace cofactor::testing {

namespace {

using Lines = std::vector<std::string>;

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("an account counts what is used and what is not and adds up") {
    FileAccount account;
    CHECK(account.lines() == Lines{"images: 0 used"});
    account.use(12'340);
    account.ignore("other file", "other files", "notes.txt");
    account.ignore("WebP image", "WebP images", "cat/1.webp");
    account.ignore("WebP image", "WebP images", "cat/2.webp", 39);
    account.note("and more");
    FileAccount more;
    more.use(1);
    more.ignore("GIF image", "GIF images", "a\xE9.gif", 0);
    more.ignore("GIF image", "GIF images", "b\xE9.gif", 1'000'000);
    account.add(more);
    CHECK(account.lines("of 2 classes") ==
          Lines{"images: 12,341 used of 2 classes; ignored: 1,000,000 GIF images (such as b\\xE9.gif), 40 WebP images "
                "(such as cat/1.webp), 1 other file (notes.txt)",
                "and more"});
    CHECK(counted(1, "image", "images") == "1 image");
    CHECK(counted(1000, "image", "images") == "1,000 images");
    CHECK(in_thousands(0) == "0");
    CHECK(in_thousands(-999) == "-999");
    CHECK(in_thousands(1234567) == "1,234,567");
    CHECK(in_thousands(-123456) == "-123,456");
    FileAccount texts("text", "texts");
    texts.use(1);
    CHECK(texts.lines() == Lines{"texts: 1 used"});
    CHECK(texts.noun() == "text");
  }
}

}  // namespace cofactor::testing
