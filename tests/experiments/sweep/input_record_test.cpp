#include "experiments/sweep/input_record.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "experiments/report/csv_field.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using cofactor::testing::TemporaryFolder;

namespace {

std::vector<RecordedSample> ten_samples() {
  std::vector<RecordedSample> samples;
  for (uint64_t i = 0; i < 10; ++i) {
    samples.push_back({i < 8 ? "training" : "test", i % 2 == 0 ? "cat" : "dog", 100 + i,
                       fmt::format("{}/{}.jpg", i % 2 == 0 ? "cat" : "dog", i)});
  }
  return samples;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("input record: a file holds samples exactly whatever their names") {
    const TemporaryFolder folder;
    const auto path = folder / "inputs/1.csv";
    auto samples = ten_samples();
    samples[0].name = "a,b \"c\"\nd\r.jpg";
    samples[1].name = "\xff\xfe";
    samples[2].label = "\"";
    write_samples(path, samples);
    const auto back = read_samples(path);
    REQUIRE(back);
    REQUIRE(back->size() == samples.size());
    for (size_t i = 0; i < samples.size(); ++i) {
      CHECK(back->at(i).name == samples[i].name);
      CHECK(back->at(i).label == samples[i].label);
      CHECK(back->at(i).part == samples[i].part);
      CHECK(back->at(i).checksum == samples[i].checksum);
    }
    const std::string good = read_file(path);
    for (const std::string& bad : {good.substr(0, good.size() - 3), good.substr(5), good + "x\n", good + "a,b,c,d\n"}) {
      write_file_atomically(path, bad);
      CHECK(!read_samples(path));
    }
    CHECK(!read_samples(folder / "none.csv"));
  }

  TEST_CASE("input record: a field of a table is quoted where it has to be") {
    CHECK(csv_field("plain") == "plain");
    CHECK(csv_field("a \"b\"") == "\"a \"\"b\"\"\"");
    CHECK(csv_field("a,b") == "\"a,b\"");
  }

  TEST_CASE("input record: what differs is said by counts") {
    const auto before = ten_samples();
    auto now = before;
    CHECK(difference_of(before, now).empty());
    now[3].label = "cat", now[3].name = "cat/3.jpg";  // moved into the other class's folder
    now[4].label = "dog";                             // relabelled in a list
    CHECK(difference_of(before, now) == "2 of 10 labels differ");
    now[5].checksum = 7;
    CHECK(difference_of(before, now) == "2 of 10 labels differ and 1 file has other contents");
    now[6].name = "cat/first.jpg";
    now.push_back({"training", "cat", 1000, "cat/new.jpg"});
    now.erase(now.begin());
    CHECK(difference_of(before, now) ==
          "2 of 10 labels differ, 1 file has other contents, 1 file has another name, 1 file is new and 1 file is "
          "gone");
    now = before;
    std::swap(now[0], now[5]);
    CHECK(difference_of(before, now).empty());  // in another order
    std::swap(now[0].part, now[9].part);
    CHECK(difference_of(before, now) == "2 files are in another part");
  }

  TEST_CASE("input record: of images that are the same twice each counts once") {
    std::vector<RecordedSample> before(4, {"training", "cat", 5, "cat/1.jpg"});
    for (int i = 0; i < 4; ++i) before[static_cast<size_t>(i)].name = fmt::format("cat/{}.jpg", i);
    auto now = before;
    now[0] = {"training", "dog", 5, "dog/0.jpg"};
    CHECK(difference_of(before, now) == "1 of 4 labels differs");
  }
}
