// The repository's pages of Markdown, as the tests of the documentation read them.
#pragma once

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

namespace cofactor::testing {

inline const std::filesystem::path kRoot = COFACTOR_SOURCE_DIR;

struct Line {
  int number = 0;
  std::string text;
};

// A page, its lines parted by kind.
struct Page {
  std::string path;  // from the root
  std::vector<Line> prose{};
  std::vector<std::vector<Line>> blocks{};  // fenced; the first line of each is the fence, with its language
};

// Fails the test where a fenced block has no end.
Page parse_page(const std::string& path, const std::string& text);
Page load_page(const std::string& path);
// Every page of the repository: those at its top, in docs/ and in docs/gpu/.
std::vector<Page> load_pages();

// What a fenced block holds, without the fence.
std::string text_of(const std::vector<Line>& block);

// The lines of a text, without their ends.
std::vector<std::string> lines_of(const std::string& text);
// The first group of every match.
std::vector<std::string> matches(const std::string& text, const std::regex& pattern);

// Whether the tests rewrite what they can derive (line numbers, printed output) and do not only compare it: where the
// environment variable COFACTOR_UPDATE_DOCS is set.
bool updates_docs();

}  // namespace cofactor::testing
