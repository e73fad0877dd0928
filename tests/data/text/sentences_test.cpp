#include "data/text/sentences.h"

#include <doctest/doctest.h>

#include <cctype>
#include <map>

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

  TEST_CASE("words are separated by white space") {
    CHECK(tokenize("  one two\tthree\nfour \r\n") == std::vector<std::string>{"one", "two", "three", "four"});
    CHECK(tokenize("one") == std::vector<std::string>{"one"});
    CHECK(tokenize("").empty());
    CHECK(tokenize(" \t ").empty());
  }
}

}  // namespace cofactor::testing
