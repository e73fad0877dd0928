#include "data/text/text_array.h"

#include <doctest/doctest.h>

#include "data/loader.h"
#include "engine/backend.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

using Indices = std::vector<std::vector<int32_t>>;

// Six sentences of one to six words, in two classes.
std::shared_ptr<const TextArray> six_sentences() {
  const Indices sentences = {{2}, {3, 4, 5, 6, 7, 8}, {9, 10}, {2, 2, 2}, {1, 3}, {4, 5, 6, 7}};
  return std::make_shared<TextArray>(pad_sentences(sentences, {}), 11, std::vector<int32_t>{0, 1, 0, 1, 0, 1}, 2);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("sentences are padded to one length after their words and longer ones are cut") {
    const Indices sentences = {{2, 3}, {4, 5, 6, 7, 8, 9}, {}};
    const PaddedSentences longest = pad_sentences(sentences, {});
    CHECK(longest.length == 6);
    CHECK(longest.indices == std::vector<int32_t>{2, 3, 0, 0, 0, 0, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0});
    CHECK(pad_sentences({{2, 3}, {4}}, {}).indices == std::vector<int32_t>{2, 3, 0, 0, 0, 4, 0, 0, 0, 0});
    CHECK(pad_sentences({{2, 3}, {4}}, {.min_length = 1}).length == 2);
    const PaddedSentences cut = pad_sentences(sentences, {.min_length = 1, .max_length = 4});
    CHECK(cut.length == 4);
    CHECK(cut.indices == std::vector<int32_t>{2, 3, 0, 0, 4, 5, 6, 7, 0, 0, 0, 0});
    CHECK(pad_sentences(sentences, {.max_length = 9}).length == 9);
    CHECK(pad_sentences({}, {}).indices.empty());

    CHECK(error_of([&] { pad_sentences(sentences, {.min_length = 0}); }) ==
          "text: a minimum length of 0 words, expected at least 1");
    CHECK(error_of([&] { pad_sentences(sentences, {.max_length = 4}); }) ==
          "text: the maximum length, 4, is below the minimum length, 5");
  }

  TEST_CASE("the samples of a text array are i32 indices") {
    const auto text = six_sentences();
    CHECK(text->size() == 6);
    CHECK(text->classes() == 2);
    CHECK(text->sample_shape() == Shape{6});
    CHECK(text->dtype() == DType::i32);
    std::vector<int32_t> out(7, -7);
    text->read(2, {}, out.data());
    CHECK(out == std::vector<int32_t>{9, 10, 0, 0, 0, 0, -7});
    CHECK(error_of([&] { text->read(6, {}, out.data()); }) == "text: sample 6 of a data set of 6");
    CHECK_THROWS_AS(text->read(-1, {}, out.data()), Error);
  }

  TEST_CASE("invalid text or labels are errors") {
    const auto make = [](std::vector<int32_t> indices, int64_t length, std::vector<int32_t> labels, int64_t classes) {
      return error_of([&] { TextArray({std::move(indices), length}, 5, std::move(labels), classes); });
    };
    CHECK(make({2, 3, 4, 0}, 2, {0, 1}, 2).empty());
    CHECK(make({2, 3, 4}, 2, {0, 1}, 2) == "text: 3 indices, expected 2 sentences (one per label) of 2 words");
    CHECK(make({}, 0, {}, 2) == "text: sentences of 0 words, expected at least 1");
    CHECK(make({2, 3, 4, 0}, 2, {0, 2}, 2) == "text: label 2 of sample 1 does not lie in [0, 2)");
    CHECK(make({2, 3, 4, 0}, 2, {-1, 0}, 2) == "text: label -1 of sample 0 does not lie in [0, 2)");
    CHECK(make({2, 3, 4, 0}, 2, {0, 0}, 0) == "text: 0 classes, expected at least 1");
    CHECK(make({2, 3, 4, 5}, 2, {0, 1}, 2) == "text: index 5 of word 1 of sentence 1 does not lie in [0, 5)");
    CHECK(make({2, -1, 4, 4}, 2, {0, 1}, 2) == "text: index -1 of word 1 of sentence 0 does not lie in [0, 5)");
  }

  TEST_CASE("names and texts of sentences are read where they are when they are asked for") {
    const TextSource source{.name = [](int64_t i) { return "s" + std::to_string(i); },
                            .text = [](int64_t i) { return std::string(static_cast<size_t>(i), 'x'); }};
    const TextArray named({.indices = {2, 3}, .length = 1}, 4, {0, 1}, 2, source);
    CHECK(named.sample_name(1) == "s1");
    CHECK(named.sample_text(1) == "x");
    const TextArray bare({.indices = {2, 3}, .length = 1}, 4, {0, 1}, 2);
    CHECK(bare.sample_name(1).empty());
    CHECK(bare.sample_text(1).empty());
  }

  TEST_CASE("the loader's batches of text are i32 and equal to the data on every device") {
    const auto text = six_sentences();
    for (const Device device : available_devices()) {
      for (const int workers : {0, 2}) {
        LoaderOptions options;
        options.batch_size = 4;
        options.device = device;
        options.workers = workers;
        Loader loader(make_split(text, 0, 6), options);
        loader.start_epoch(0);
        int64_t samples = 0;
        while (const auto batch = loader.next()) {
          CHECK(batch->inputs.dtype() == DType::i32);
          CHECK(batch->inputs.shape() == Shape{batch->size(), 6});
          std::vector<int32_t> expected(static_cast<size_t>(batch->size()) * 6);
          for (size_t i = 0; i < batch->indices.size(); ++i) text->read(batch->indices[i], {}, expected.data() + i * 6);
          CHECK(batch->inputs.to_vector<int32_t>() == expected);
          samples += batch->size();
        }
        CHECK(samples == 6);
      }
    }
  }
}

}  // namespace cofactor::testing
