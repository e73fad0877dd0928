#include "data/text/sentences.h"

#include <doctest/doctest.h>

#include <cctype>
#include <map>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("sentences are cleaned as in Kim's published code") {
    // The results of that code's regular expressions (without its backslashes before ( ) ?).
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
    // All other bytes separate words.
    for (int byte = 0; byte < 256; ++byte) {
      const auto c = static_cast<char>(byte);
      const bool kept = byte < 128 && (std::isalnum(byte) || std::string("'`").find(c) != std::string::npos);
      const bool mark = byte > 0 && byte < 128 && std::string("(),!?").find(c) != std::string::npos;
      const auto words = tokenize(clean_sentence(std::string("x") + c + "y"));
      CAPTURE(byte);
      CHECK(words.size() == (kept ? 1 : mark ? 3 : 2));
    }
  }

  TEST_CASE("texts in any language are cleaned as English sentences are") {
    const std::map<std::string, std::string> cleaned = {
        {"Don't you've IT'S (really)?", "do n't you 've it's ( really ) ?"},
        {"Don\u2019t, \u2018it\u2019s\u2019", "do n't , 'it 's'"},
        {"Tr\u00e8s BON, \u00c9L\u00c8VE!", "tr\u00e8s bon , \u00e9l\u00e8ve !"},
        {"e\u0301te\u0301", "\u00e9t\u00e9"},  // composed
        {"\u041f\u0440\u0438\u0432\u0435\u0442-\u043c\u0438\u0440.",
         "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440"},
        {"\u5f88\u597d\uff01\u4e0d\u3002", "\u5f88 \u597d ! \u4e0d"},  // each character is a word
        {"\u30ab\u30f3iPhone\u597d", "\u30ab \u30f3 iphone \u597d"},
        {"\u0e01\u0e34\u0e19", "\u0e01\u0e34 \u0e19"},  // with its mark
        {"\ud55c\uad6d\uc5b4 \u0645\u0631\u062d\u0628\u0627", "\ud55c\uad6d\uc5b4 \u0645\u0631\u062d\u0628\u0627"},
        {"nice\U0001F600\U0001F600x", "nice \U0001F600 \U0001F600 x"},  // symbols are words
        {"\u2764\ufe0f so\u00adft", "\u2764 soft"},                     // invisible characters
        {"\uff21\uff22\uff23 \ufb01n", "abc fin"},                      // compatible characters
        {"a\u2014b\u201cc\u201d \u20ac5", "a b c 5"},
        {"\u2026 \u2014", ""},
        {"", ""},
    };
    for (const auto& [text, clean] : cleaned) {
      CAPTURE(text);
      CHECK(clean_text(text) == clean);
    }
    CHECK(text_words("Don\u2019t \u5f88\u597d") == std::vector<std::string>{"do", "n't", "\u5f88", "\u597d"});
    // Nothing in ASCII differs from what is done to sentences.
    for (int byte = 0; byte < 128; ++byte) {
      const std::string text = std::string("IT'S a") + static_cast<char>(byte) + "b can't";
      CHECK(clean_text(text) == clean_sentence(text));
      CHECK(clean_text(text + " \u00e9") == clean_sentence(text) + " \u00e9");
    }
    // What cleaning leaves, it leaves again.
    CHECK(clean_text("\u597d \u00e9 \U0001F600") == "\u597d \u00e9 \U0001F600");
    // A character that becomes 18, which is the most that normalising gives.
    std::string grown;
    for (int i = 0; i < 1000; ++i) grown += "\ufdfa";
    CHECK(clean_text(grown).size() > 20'000);
    CHECK(contains(error_of([] { clean_text("caf\xE9 x"); }), "text: '\\xE9 x' is not UTF-8"));
  }

  TEST_CASE("words are separated by white space") {
    CHECK(tokenize("  one two\tthree\nfour \r\n") == std::vector<std::string>{"one", "two", "three", "four"});
    CHECK(tokenize("one") == std::vector<std::string>{"one"});
    CHECK(tokenize("").empty());
    CHECK(tokenize(" \t ").empty());
  }
}

}  // namespace cofactor::testing
