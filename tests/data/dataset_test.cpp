#include "data/dataset.h"

#include <doctest/doctest.h>

#include <limits>

#include "data/image_array.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("a split has a range of samples with labels of its own") {
    const auto images =
        std::make_shared<ImageArray>(std::vector<uint8_t>(5), Shape{1, 1, 1}, std::vector<int32_t>{0, 2, 1, 2, 2}, 3,
                                     std::vector<float>{0}, std::vector<float>{1});
    Split split = make_split(images, 1, 3);
    CHECK(split.size() == 3);
    CHECK(split.indices == std::vector<int64_t>{1, 2, 3});
    CHECK(split.labels == std::vector<int32_t>{2, 1, 2});
    CHECK(split.class_counts() == std::vector<int64_t>{0, 1, 2});
    split.labels[0] = 0;
    CHECK(images->labels()[1] == 2);
    split.labels[0] = 3;
    CHECK(error_of([&] { split.class_counts(); }) == "split: label 3 of sample 0 does not lie in [0, 3)");

    CHECK(make_split(images, 5, 0).size() == 0);
    for (const auto& [first, count] : std::vector<std::pair<int64_t, int64_t>>{
             {3, 3}, {-1, 2}, {0, -1}, {6, 0}, {1, std::numeric_limits<int64_t>::max()}})
      CHECK(error_of([&] { make_split(images, first, count); }) ==
            fmt::format("split: {} samples from sample {} on, in a data set of 5", count, first));
    CHECK_THROWS_AS(make_split(nullptr, 0, 0), Error);

    const Split ordered = make_split(images, {4, 3, 0, 2}, 1, 2);
    CHECK(ordered.indices == std::vector<int64_t>{3, 0});
    CHECK(ordered.labels == std::vector<int32_t>{2, 0});
    CHECK(error_of([&] {
            make_split(images, {4, 3}, 1, 2);
          }) == "split: 2 samples from position 1 on, in an order of 2");
    CHECK(error_of([&] { make_split(images, {4, 5}, 0, 2); }) == "split: sample 5 does not exist in a data set of 5");
  }
}

}  // namespace cofactor::testing
