#include "data/text/text_array.h"

#include <doctest/doctest.h>

#include <map>

#include "data/loader.h"
#include "engine/backend.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

using Sentences = std::vector<std::vector<std::string>>;
using Indices = std::vector<std::vector<int32_t>>;

// Six sentences of one to six words, in two classes.
std::shared_ptr<const TextArray> six_sentences() {
  const Indices sentences = {{2}, {3, 4, 5, 6, 7, 8}, {9, 10}, {2, 2, 2}, {1, 3}, {4, 5, 6, 7}};
  return std::make_shared<TextArray>(pad_sentences(sentences, {}), 11, std::vector<int32_t>{0, 1, 0, 1, 0, 1}, 2);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("sentences are cleaned as by Kim's published code") {
    // What that code's regular expressions give (its backslashes before ( ) ? left out).
    const std::map<std::string, std::string> cleaned = {
        {"Don't you've IT'S it's we'll they're she'd", "do n't you 've it's it 's we 'll they 're she 'd"},
        {"what?!(really),ok", "what ? ! ( really ) , ok"},
        {"the action clich\xE9s just pile up . ", "the action clich s just pile up"},
        {"a--b 3-d `quoted' 'so", "a b 3 d `quoted' 'so"},
        {"n't can't've rock 'n' roll", "n't ca n't 've rock 'n' roll"},
        {"that'so what'rest I'do y'llama DON'T", "that 'so what 'rest i 'do y 'llama don't"},
        {"\t two\tlines\r\n", "two lines"},
        {"''s '' 've", "' 's '' 've"},
        {",", ","},
        {" . -- \x85 ", ""},
        {"", ""},
    };
    for (const auto& [sentence, clean] : cleaned) CHECK(clean_sentence(sentence) == clean);
    // All other bytes part words.
    for (int byte = 0; byte < 256; ++byte) {
      const auto c = static_cast<char>(byte);
      const bool kept = byte < 128 && (std::isalnum(byte) || std::string("'`").find(c) != std::string::npos);
      const bool mark = byte > 0 && byte < 128 && std::string("(),!?").find(c) != std::string::npos;
      const auto words = tokenize(clean_sentence(std::string("x") + c + "y"));
      CAPTURE(byte);
      CHECK(words.size() == (kept ? 1 : mark ? 3 : 2));
    }
  }

  TEST_CASE("a text's words are what white space parts") {
    CHECK(tokenize("  one two\tthree\nfour \r\n") == std::vector<std::string>{"one", "two", "three", "four"});
    CHECK(tokenize("one") == std::vector<std::string>{"one"});
    CHECK(tokenize("").empty());
    CHECK(tokenize(" \t ").empty());
  }

  TEST_CASE("a vocabulary numbers words from 2 in the order of their first occurrence") {
    const Sentences sentences = {{"b", "a", "b"}, {"c", "a"}, {"b", "<unk>"}};
    const Vocabulary all(sentences);
    CHECK(all.size() == 6);
    CHECK(all.encode({"b", "a", "c", "<unk>", "d", ""}) == std::vector<int32_t>{2, 3, 4, 5, 1, 1});
    for (int32_t i = 2; i < 6; ++i) CHECK(all.index_of(all.word(i)) == i);
    CHECK(all.word(4) == "c");
    for (const int32_t index : {-1, 0, 1, 6})
      CHECK(error_of([&] { all.word(index); }) ==
            fmt::format("vocabulary: index {} is no word's; words lie in [2, 6)", index));

    const Vocabulary frequent(sentences, 2);
    CHECK(frequent.size() == 4);
    CHECK(frequent.encode({"b", "a", "c"}) == std::vector<int32_t>{2, 3, 1});
    CHECK(Vocabulary(sentences, 3).encode({"b", "a"}) == std::vector<int32_t>{2, 1});
    CHECK(error_of([&] { Vocabulary(sentences, 4); }) == "vocabulary: no word occurs at least 4 times in 3 sentences");
    CHECK(error_of([&] { Vocabulary(sentences, 0); }) ==
          "vocabulary: a word cannot be asked to occur at least 0 times");
    CHECK(error_of([] { Vocabulary(Sentences{}); }) == "vocabulary: no word occurs at least 1 times in 0 sentences");
  }

  TEST_CASE("sentences are padded behind their words to one length and longer ones cut") {
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

    CHECK(error_of([&] { pad_sentences(sentences, {.min_length = 0}); }) == "text: 0 is not a sentence's least length");
    CHECK(error_of([&] { pad_sentences(sentences, {.max_length = 4}); }) ==
          "text: the greatest length of a sentence, 4, lies below the least, 5");
  }

  TEST_CASE("a text array hands out its sentences as i32 indices") {
    const auto text = six_sentences();
    CHECK(text->size() == 6);
    CHECK(text->classes() == 2);
    CHECK(text->sample_shape() == Shape{6});
    CHECK(text->dtype() == DType::i32);
    std::vector<int32_t> out(7, -7);
    text->read(2, {}, out.data());
    CHECK(out == std::vector<int32_t>{9, 10, 0, 0, 0, 0, -7});
    CHECK(error_of([&] { text->read(6, {}, out.data()); }) == "text: sentence 6 does not exist among 6");
    CHECK_THROWS_AS(text->read(-1, {}, out.data()), Error);
  }

  TEST_CASE("text or labels that do not fit are errors") {
    const auto make = [](std::vector<int32_t> indices, int64_t length, std::vector<int32_t> labels, int64_t classes) {
      return error_of([&] { TextArray({std::move(indices), length}, 5, std::move(labels), classes); });
    };
    CHECK(make({2, 3, 4, 0}, 2, {0, 1}, 2).empty());
    CHECK(make({2, 3, 4}, 2, {0, 1}, 2) == "text: 3 indices are not 2 sentences (one a label) of 2 words");
    CHECK(make({}, 0, {}, 2) == "text: 0 is not the length of a sentence");
    CHECK(make({2, 3, 4, 0}, 2, {0, 2}, 2) == "text: label 2 of sentence 1 does not lie in [0, 2)");
    CHECK(make({2, 3, 4, 0}, 2, {-1, 0}, 2) == "text: label -1 of sentence 0 does not lie in [0, 2)");
    CHECK(make({2, 3, 4, 0}, 2, {0, 0}, 0) == "text: 0 is not a number of classes");
    CHECK(make({2, 3, 4, 5}, 2, {0, 1}, 2) == "text: index 5 of word 1 of sentence 1 does not lie in [0, 5)");
    CHECK(make({2, -1, 4, 4}, 2, {0, 1}, 2) == "text: index -1 of word 1 of sentence 0 does not lie in [0, 5)");
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
