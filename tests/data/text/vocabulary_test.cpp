#include "data/text/vocabulary.h"

#include <doctest/doctest.h>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("a vocabulary numbers words from 2 in the order of their first occurrence") {
    using Sentences = std::vector<std::vector<std::string>>;
    const Sentences sentences = {{"b", "a", "b"}, {"c", "a"}, {"b", "<unk>"}};
    const Vocabulary all(sentences);
    CHECK(all.size() == 6);
    CHECK(all.encode({"b", "a", "c", "<unk>", "d", ""}) == std::vector<int32_t>{2, 3, 4, 5, 1, 1});
    for (int32_t i = 2; i < 6; ++i) CHECK(all.index_of(all.word(i)) == i);
    CHECK(all.word(4) == "c");
    for (const int32_t index : {-1, 0, 1, 6})
      CHECK(error_of([&] { all.word(index); }) ==
            fmt::format("vocabulary: index {} is not that of a word, expected an index in [2, 6)", index));

    const Vocabulary frequent(sentences, 2);
    CHECK(frequent.size() == 4);
    CHECK(frequent.encode({"b", "a", "c"}) == std::vector<int32_t>{2, 3, 1});
    CHECK(Vocabulary(sentences, 3).encode({"b", "a"}) == std::vector<int32_t>{2, 1});
    CHECK(error_of([&] { Vocabulary(sentences, 4); }) == "vocabulary: no word occurs at least 4 times in 3 sentences");
    CHECK(error_of([&] { Vocabulary(sentences, 0); }) == "vocabulary: a minimum count of 0, expected at least 1");
    CHECK(error_of([] { Vocabulary(Sentences{}); }) == "vocabulary: no word occurs at least 1 times in 0 sentences");
  }
}

}  // namespace cofactor::testing
