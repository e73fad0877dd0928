#include "data/sets/idx.h"

#include <doctest/doctest.h>

#include "tests/data/sets/idx_files.h"

namespace cofactor::testing {

namespace {

std::string counting_bytes(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += static_cast<char>(i * 7 % 251);
  return bytes;
}

// The message of read_idx on a file with these bytes.
std::string rejection(std::string_view bytes, int rank = 1) {
  const TemporaryFolder folder;
  const auto path = write_in(folder, "some.idx", bytes);
  const std::string message = error_of([&] { read_idx(path, rank); });
  CHECK(message.find(path.string()) != std::string::npos);
  return message;
}

void check_mentions(const std::string& message, std::string_view part) {
  INFO("message: ", message);
  CHECK(message.find(part) != std::string::npos);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("a plain or gzipped IDX file gives its shape and values whatever its name") {
    const TemporaryFolder folder;
    const std::string values = counting_bytes(2 * 3 * 5);
    const std::string bytes = idx_bytes({2, 3, 5}, values);
    for (const auto& path : {write_in(folder, "plain.gz", bytes), write_in(folder, "zipped", gzip_bytes(bytes))}) {
      const IdxFile file = read_idx(path, 3);
      CHECK(file.shape == Shape{2, 3, 5});
      CHECK(std::string(file.values.begin(), file.values.end()) == values);
    }
  }

  TEST_CASE("an IDX file larger than the reader's chunks survives in one gzip member or in several") {
    const TemporaryFolder folder;
    const std::string values = counting_bytes(5'000'011);
    const std::string bytes = idx_bytes({5'000'011}, values);
    const std::string two_members = gzip_bytes(bytes.substr(0, 70'001)) + gzip_bytes(bytes.substr(70'001));
    for (const auto& path :
         {write_in(folder, "a", bytes), write_in(folder, "b", gzip_bytes(bytes)), write_in(folder, "c", two_members)}) {
      const IdxFile file = read_idx(path, 1);
      CHECK(std::string(file.values.begin(), file.values.end()) == values);
    }
  }

  TEST_CASE("extents are big-endian and may be zero") {
    const TemporaryFolder folder;
    const IdxFile file = read_idx(write_in(folder, "empty", idx_bytes({0x01020304, 0}, "")), 2);
    CHECK(file.shape == Shape{0x01020304, 0});
    CHECK(file.values.empty());
    CHECK_THROWS_AS(read_idx(folder.path() / "empty", 0), Error);
  }

  TEST_CASE("a missing or empty file is an error") {
    const TemporaryFolder folder;
    check_mentions(error_of([&] { read_idx(folder.path() / "none", 1); }), "none' does not exist");
    check_mentions(error_of([&] { read_idx(folder.path(), 1); }), "is a folder, not a file");
    check_mentions(rejection(""), "is empty");
  }

  TEST_CASE("an invalid header is an error with its byte offset") {
    check_mentions(rejection("GIF89a, surely not IDX"), "begins with the bytes 0x47 0x49");
    check_mentions(rejection(idx_bytes({1}, "x", 0x0d)), "type 0x0d at byte 2");
    check_mentions(rejection(idx_bytes({1, 1}, "x"), 3), "rank 2 at byte 3, expected 3");
    check_mentions(rejection(std::string(3, '\0')), "cut short at byte 3");
    check_mentions(rejection(idx_bytes({1, 1, 1}, "").substr(0, 11), 3),
                   "cut short at byte 11, inside the header of 16");
  }

  TEST_CASE("extents that declare more than there is are an error and nothing of that size is allocated") {
    const uint32_t most = 0xffffffff;
    check_mentions(rejection(idx_bytes({most, most, most}, "abc"), 3), "overflow 64 bits");
    // 2^62 bytes: an attempt to allocate them would be std::bad_alloc, not Error.
    const std::string wrong = idx_bytes({0x80000000, 0x80000000}, "abc");
    check_mentions(rejection(wrong, 2), "need 4611686018427387904 bytes, expected at most 1073741824");
    check_mentions(rejection(gzip_bytes(wrong), 2), "need 4611686018427387904 bytes, expected at most 1073741824");
    // Within that limit, but more than such a file can hold.
    const std::string large = idx_bytes({1000, 1000, 1000}, "abc");
    check_mentions(rejection(large, 3), "need 1000000000 bytes, but the file can hold at most 19: it is cut short");
    const std::string packed = gzip_bytes(large);
    check_mentions(rejection(packed, 3), fmt::format("the file can hold at most {}:", packed.size() * 1032));
  }

  TEST_CASE("plain or gzipped data that is cut short or too long is an error with its byte offset") {
    for (const bool gzip : {false, true}) {
      const auto packed = [&](const std::string& bytes) { return gzip ? gzip_bytes(bytes) : bytes; };
      check_mentions(rejection(packed(idx_bytes({10}, "123456789"))), "cut short at byte 17: the shape (10)");
      check_mentions(rejection(packed(idx_bytes({10}, "1234567890+"))), "the file continues at byte 18");
    }
  }

  TEST_CASE("gzip data that is damaged or cut short or followed by something else is an error") {
    const std::string good = gzip_bytes(idx_bytes({1000}, counting_bytes(1000)));
    const TemporaryFolder folder;
    CHECK_NOTHROW(read_idx(write_in(folder, "good", good), 1));

    std::string wrong_checksum = good;
    wrong_checksum[wrong_checksum.size() - 8] ^= 1;
    check_mentions(rejection(wrong_checksum), "incorrect data check");
    std::string wrong_length = good;
    wrong_length[wrong_length.size() - 4] ^= 1;
    check_mentions(rejection(wrong_length), "incorrect length check");
    std::string wrong_method = good;
    wrong_method[2] = 7;
    check_mentions(rejection(wrong_method), "unknown compression method");

    // Anywhere: within gzip's header, the data, and the checksum after data that is already complete.
    for (const size_t size : {size_t{2}, size_t{9}, good.size() / 2, good.size() - 8, good.size() - 1})
      check_mentions(rejection(good.substr(0, size)), fmt::format("cut short at byte {} of the file", size));
    check_mentions(rejection(good + "garbage"), "incorrect header check");
  }
}

}  // namespace cofactor::testing
