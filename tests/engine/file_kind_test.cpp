// Files that stand where weights or vectors should: each is told what it is.
#include "engine/io/file_kind.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("unit") {
  TEST_CASE("file kinds: what people have in place of weights is named with what to do") {
    const std::vector<std::pair<std::string, std::string>> kinds{
        {"", "empty"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "stands for a file of 12 bytes"},
        {"version https://git-lfs.github.com/spec/v1\n", "stands for a larger file"},
        {"\x80\x02\x8A\x0Al\xFC\x9C", "a Python pickle"},
        {std::string("\x80\x04\x95\0\0", 5), "a Python pickle"},
        {"PK\x03\x04 model/data.pkl", "torch.save"},
        {"PK\x03\x04 words.txt", "a zip archive"},
        {"\x1F\x8B\x08", "gunzip"},
        {std::string("\xFD\x37zXZ\0", 6), "unxz"},
        {"BZh91AY", "bunzip2"},
        {"\x28\xB5\x2F\xFD", "unzstd"},
        {"\x89HDF\r\n\x1A\n", "HDF5"},
        {"\xBA\x16\x4F\x2F", "ends in .vec"},
        {"<!DOCTYPE html>\n<html>", "a web page (HTML)"},
        {"\xEF\xBB\xBF\n  <!doctype HTML>", "a web page (HTML)"},
        {"<!-- a comment --><HTML lang=en>", "a web page (HTML)"},
        {"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "an XML text, a server's error message perhaps"},
        {"{\n \"metadata\": {\"total_size\": 3},\n \"weight_map\": {}}", "spread over several files"},
        {"{\"architectures\": [\"ResNet\"]}", "JSON text"},
        {std::string(257, 'n') + "ustar ", "a tar archive"}};
    for (const auto& [bytes, kind] : kinds) {
      CAPTURE(bytes);
      CHECK(contains(foreign_kind(bytes, Wanted::weights), kind));
    }
    for (const char* other : {"good 0.1 0.2\n", "3 300\n", "\x01\x02", "x"})
      CHECK(foreign_kind(other, Wanted::weights).empty());
    CHECK(contains(foreign_kind("\x80\x04", Wanted::weights), "safetensors.torch"));
    CHECK(contains(foreign_kind("\x80\x04", Wanted::word_vectors), "save_word2vec_format"));
  }
}

}  // namespace cofactor::testing
