#include "data/files/content_cache.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "data/checksum.h"
#include "data/images/scan.h"
#include "engine/io/file.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// A folder of images and one for caches. Restores the setup of scans at the end.
class ScanPlace {
 public:
  ScanPlace() {
    list_.root = folder_ / "images";
    list_.classes = {"a", "b"};
    for (int i = 0; i < 6; ++i) {
      list_.names.push_back(fmt::format("{}/{}.png", i < 3 ? "a" : "b", i));
      list_.labels.push_back(i < 3 ? 0 : 1);
      write_image(list_.path(i), random_image(3, 4, static_cast<uint64_t>(i)));
    }
    start("one");
  }
  ~ScanPlace() {
    forget_content_caches();
    set_up_scans({});
  }

  // The state of a new process of a program with this decoder.
  void start(const std::string& reader) {
    forget_content_caches();
    set_up_scans({.folders = {folder_ / "nowhere/below", folder_ / "cache"}, .reader = reader, .progress = {}});
    write_file_atomically(folder_ / "nowhere", "a file, so that the first folder cannot be made");
  }
  std::filesystem::path cache_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "cache")) return entry.path();
    return {};
  }
  // The number of images that the cache knows.
  int known() const {
    int count = 0;
    for (const std::string& name : list_.names) {
      const auto stamp = stamp_of(list_.root / name);
      if (stamp && content_cache_of(list_.root).find(name, *stamp)) ++count;
    }
    return count;
  }
  SampleContents scan(int threads = 1) const { return scan_images(list_, {0, 1, 2, 3, 4, 5}, threads); }

  TemporaryFolder folder_;
  ImageList list_;
};

void settle() {
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("checksum: contents are distinguished and texts are parsed") {
    CHECK(checksum_of("a") != checksum_of("b"));
    Checksum one, two;
    one.mix("ab"), one.mix("c");
    two.mix("a"), two.mix("bc");
    CHECK(one.value() != two.value());
    uint64_t back = 0;
    CHECK(read_checksum(one.text(), back));
    CHECK(back == one.value());
    for (const char* bad : {"", "12", "0123456789abcdeg", "0123456789abcdef0"}) CHECK(!read_checksum(bad, back));
  }
}

TEST_SUITE("data") {
  TEST_CASE("content cache: files are known to the next process once they are settled and until they change") {
    ScanPlace place;
    place.scan();
    place.start("one");
    CHECK(place.known() == 0);  // just written: they may change again without a change of their times
    settle();
    const std::vector<uint64_t> checksums = place.scan(2).checksums;
    place.start("one");
    CHECK(place.known() == 6);
    CHECK(place.scan(2).checksums == checksums);
    // A file with other contents of the same size and modification time.
    const auto path = place.list_.path(4);
    const auto time = std::filesystem::last_write_time(path);
    write_image(path, random_image(3, 4, 77));
    std::filesystem::last_write_time(path, time);
    place.start("one");
    CHECK(place.known() == 5);
    const std::vector<uint64_t> changed = place.scan().checksums;
    CHECK(changed[4] != checksums[4]);
    CHECK(changed[3] == checksums[3]);
    place.start("another decoder");
    CHECK(place.known() == 0);
  }

  TEST_CASE("content cache: a damaged or foreign file counts as empty and is replaced") {
    ScanPlace place;
    settle();
    const std::vector<uint64_t> checksums = place.scan().checksums;
    const std::string good = read_file(place.cache_file());
    std::string flipped = good, other_root = good;
    flipped[flipped.size() / 2] ^= 1;
    for (const std::string& bad : {std::string(), std::string("garbage"), good.substr(0, good.size() - 1),
                                   good.substr(0, good.size() - 24), good + good, flipped}) {
      write_file_atomically(place.cache_file(), bad);
      place.start("one");
      CHECK(place.known() == 0);
      CHECK(place.scan().checksums == checksums);
      place.start("one");
      CHECK(place.known() == 6);
    }
    // The cache of another folder under the name of this one.
    TemporaryFolder elsewhere;
    const auto name = place.cache_file();
    for (int i = 0; i < 6; ++i)
      write_image(elsewhere / place.list_.names[static_cast<size_t>(i)], random_image(3, 4, 9));
    std::filesystem::remove(name);
    const auto root = place.list_.root;
    place.list_.root = elsewhere.path();
    settle();
    place.scan();
    std::filesystem::rename(place.cache_file(), name);
    place.list_.root = root;
    place.start("one");
    CHECK(place.known() == 0);
  }

  TEST_CASE("content cache: the oldest caches of many folders are removed") {
    ScanPlace place;
    settle();
    place.scan();
    const auto own = place.cache_file();
    std::filesystem::remove(own);
    for (int i = 0; i < 70; ++i) {
      const auto other = own.parent_path() / fmt::format("{}.cache", i);
      write_file_atomically(other, "of another folder");
      std::filesystem::last_write_time(other,
                                       std::filesystem::file_time_type::clock::now() - std::chrono::hours(100 - i));
    }
    place.start("one");
    place.scan();
    CHECK(std::filesystem::exists(own));
    CHECK(!std::filesystem::exists(own.parent_path() / "6.cache"));
    CHECK(std::filesystem::exists(own.parent_path() / "7.cache"));
  }

  TEST_CASE("content cache: broken images are not stored and scans work without a folder for caches") {
    ScanPlace place;
    write_file_atomically(place.list_.path(1), "no image");
    std::filesystem::remove(place.list_.path(5));
    settle();
    for (int start = 0; start < 2; ++start) {
      const SampleContents found = place.scan(3);
      REQUIRE(found.broken.size() == 2);
      CHECK(found.broken[0].index == 1);
      CHECK(contains(found.broken[0].reason, place.list_.path(1).string()));
      CHECK(found.broken[1].index == 5);
      CHECK(found.checksums[1] == 0);
      CHECK(found.checksums[0] != 0);
      place.start("one");
      CHECK(place.known() == 4);
    }
    forget_content_caches();
    set_up_scans({});
    CHECK(place.scan().broken.size() == 2);
  }

  TEST_CASE("content cache: a scan reports its progress") {
    ScanPlace place;
    forget_content_caches();
    std::vector<int64_t> said;
    set_up_scans({.folders = {}, .reader = {}, .progress = [&](int64_t done, int64_t all) {
                    said.push_back(done);
                    CHECK(all == 6);
                  }});
    place.scan();
    CHECK(said == std::vector<int64_t>{6});
  }
}
