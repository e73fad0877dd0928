// Links from the pages to lines of sources, and the code that pages quote. A link to a line is written
// [`code`](path#L12): the code stands on that line and on no other of the file, so that a link whose line has moved can
// be mended, which COFACTOR_UPDATE_DOCS asks for.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "engine/io/file.h"
#include "tests/docs/pages.h"

namespace {

namespace fs = std::filesystem;
using namespace cofactor::testing;
using cofactor::read_file;

struct LineLink {
  std::string code, target;  // the text in backticks, and the path as it is written
  int line = 0;
};

const std::regex& line_link() {
  static const std::regex pattern(R"(\[`([^`\]]+)`\]\(([^)\s#]+)#L([0-9]+)\))");
  return pattern;
}

std::vector<LineLink> line_links(const std::string& text) {
  std::vector<LineLink> links;
  for (std::sregex_iterator match(text.begin(), text.end(), line_link()), end; match != end; ++match) {
    links.push_back({(*match)[1], (*match)[2], std::stoi((*match)[3])});
  }
  return links;
}

// The lines of the linked file; empty where there is no such file.
std::vector<std::string> source_of(const std::string& page, const std::string& target) {
  const fs::path path = (kRoot / page).parent_path() / target;
  return fs::is_regular_file(path) ? lines_of(read_file(path)) : std::vector<std::string>{};
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// Whether a line has the code, and not as a part of longer words: "conv2d" is not in "conv2d_vjp".
bool has_code(const std::string& line, const std::string& code) {
  for (size_t at = line.find(code); at != std::string::npos; at = line.find(code, at + 1)) {
    const size_t end = at + code.size();
    const bool begins = at == 0 || !is_word(line[at - 1]) || !is_word(code.front());
    const bool ends = end == line.size() || !is_word(line[end]) || !is_word(code.back());
    if (begins && ends) return true;
  }
  return false;
}

// The numbers of the lines that have the code, counted from 1.
std::vector<int> lines_with(const std::string& code, const std::vector<std::string>& source) {
  std::vector<int> numbers;
  for (size_t i = 0; i < source.size(); ++i) {
    if (has_code(source[i], code)) numbers.push_back(static_cast<int>(i) + 1);
  }
  return numbers;
}

// What is wrong with a link in a page; empty where it leads to its code.
std::string judge_link(const std::string& page, const LineLink& link) {
  const std::vector<int> found = lines_with(link.code, source_of(page, link.target));
  if (found.empty()) return fmt::format("no line of {} has `{}`", link.target, link.code);
  if (found.size() > 1)
    return fmt::format("`{}` stands on {} lines of {}, the first {} and {}: quote more of the one that is meant",
                       link.code, found.size(), link.target, found[0], found[1]);
  if (found[0] == link.line) return {};
  return fmt::format(
      "`{}` stands on line {} of {}, not on line {}; COFACTOR_UPDATE_DOCS=1 build/release/bin/test_docs "
      "corrects the numbers",
      link.code, found[0], link.target, link.line);
}

// Every wrong link to a line, as "page:line: what".
std::vector<std::string> wrong_line_links(const Page& page) {
  static const std::regex fragment(R"(\]\([^)\s]+#L[0-9])");
  std::vector<std::string> wrong;
  for (const Line& line : page.prose) {
    const std::vector<LineLink> links = line_links(line.text);
    const std::sregex_iterator begin(line.text.begin(), line.text.end(), fragment), end;
    if (static_cast<size_t>(std::distance(begin, end)) != links.size())
      wrong.push_back(
          fmt::format("{}:{}: a link to a line is written [`code`](path#L12), on one line", page.path, line.number));
    for (const LineLink& link : links) {
      const std::string what = judge_link(page.path, link);
      if (!what.empty()) wrong.push_back(fmt::format("{}:{}: {}", page.path, line.number, what));
    }
  }
  return wrong;
}

// A page's text with every link's number corrected where its code stands on one line of the file.
std::string with_right_numbers(const std::string& page, const std::string& text) {
  std::string result;
  auto copied = text.begin();
  for (std::sregex_iterator match(text.begin(), text.end(), line_link()), end; match != end; ++match) {
    const std::vector<int> found = lines_with((*match)[1], source_of(page, (*match)[2]));
    if (found.size() != 1) continue;
    result.append(copied, (*match)[3].first);
    result += std::to_string(found[0]);
    copied = (*match)[3].second;
  }
  return result.append(copied, text.end());
}

std::string trimmed(const std::string& line) {
  const size_t first = line.find_first_not_of(' ');
  return first == std::string::npos ? "" : line.substr(first, line.find_last_not_of(' ') - first + 1);
}

// Whether the block's lines, whatever their indentation, follow each other in the source.
bool quotes(const std::vector<std::string>& source, const std::vector<Line>& block) {
  const auto same = [](const std::string& line, const Line& quoted) { return trimmed(line) == trimmed(quoted.text); };
  return block.size() > 1 &&
         std::search(source.begin(), source.end(), block.begin() + 1, block.end(), same) != source.end();
}

// The file of the last link to a source before a line of the page: "](../engine/tensor.h)", with or without a number.
std::string last_source_before(const Page& page, int number) {
  static const std::regex link(R"(\]\(([^)\s#]+\.(?:h|cpp|cu))(?:#L[0-9]+)?\))");
  std::string target;
  for (const Line& line : page.prose) {
    if (line.number > number) break;
    const std::vector<std::string> targets = matches(line.text, link);
    if (!targets.empty()) target = targets.back();
  }
  return target;
}

// Every block of C++ that is not a part of the source linked before it, as "page:line: what".
std::vector<std::string> wrong_quotes(const Page& page) {
  std::vector<std::string> wrong;
  for (const std::vector<Line>& block : page.blocks) {
    if (block[0].text != "```cpp") continue;
    const std::string target = last_source_before(page, block[0].number);
    if (!quotes(source_of(page.path, target), block))
      wrong.push_back(fmt::format("{}:{}: the code is not a part of '{}', the source linked before it", page.path,
                                  block[0].number, target));
  }
  return wrong;
}

TEST_SUITE("unit") {
  TEST_CASE("documentation: every link to a line of a source leads to the code that it names") {
    size_t links = 0;
    for (const Page& page : load_pages()) {
      const std::string text = read_file(kRoot / page.path);
      const std::string right = with_right_numbers(page.path, text);
      if (updates_docs() && right != text) cofactor::write_file_atomically(kRoot / page.path, right);
      const Page judged = updates_docs() ? parse_page(page.path, right) : page;
      for (const std::string& wrong : wrong_line_links(judged)) FAIL_CHECK(wrong);
      links += line_links(text).size();
    }
    CHECK(links > 50);
  }

  TEST_CASE("documentation: the tour and the exercises quote code as it stands in the source linked before it") {
    for (const char* path : {"docs/tour.md", "docs/exercises.md"}) {
      const Page page = load_page(path);
      CHECK(std::ranges::any_of(page.blocks, [](const auto& block) { return block[0].text == "```cpp"; }));
      for (const std::string& wrong : wrong_quotes(page)) FAIL_CHECK(wrong);
    }
  }

  TEST_CASE("documentation: the tour is as long as it says") {
    size_t words = 0;
    std::string stated;
    for (const Line& line : load_page("docs/tour.md").prose) {
      words += matches(std::regex_replace(line.text, std::regex(R"(\]\([^)]*\))"), ""), std::regex(R"((\S+))")).size();
      for (const std::string& number : matches(line.text, std::regex("about ([0-9,]+) words"))) stated = number;
    }
    std::erase(stated, ',');
    REQUIRE(!stated.empty());
    CAPTURE(words);
    CHECK(std::abs(std::stod(stated) / static_cast<double>(words) - 1.0) < 0.05);
  }

  TEST_CASE("documentation: a link to a line that has moved is found and corrected") {
    const std::string path = "docs/page.md";
    const std::vector<int> at = lines_with("void backward", source_of(path, "../engine/autograd.h"));
    REQUIRE(at.size() == 1);
    const std::string good = fmt::format("See [`void backward`](../engine/autograd.h#L{}), then.\n", at[0]);
    const std::string moved = "See [`void backward`](../engine/autograd.h#L1), then.\n";
    CHECK(wrong_line_links(parse_page(path, good)).empty());
    const auto wrong = wrong_line_links(parse_page(path, moved));
    REQUIRE(wrong.size() == 1);
    CHECK(wrong[0].find(fmt::format("stands on line {} of ../engine/autograd.h, not on line 1", at[0])) !=
          std::string::npos);
    CHECK(with_right_numbers(path, moved) == good);

    for (const char* bad : {"[`no such code`](../engine/autograd.h#L3)\n", "[`Tensor`](../engine/autograd.h#L3)\n",
                            "[`Tensor`](../engine/absent.h#L3)\n", "[`void backw`](../engine/autograd.h#L3)\n",
                            "[text](../engine/autograd.h#L3)\n"}) {
      CAPTURE(bad);
      CHECK(wrong_line_links(parse_page(path, bad)).size() == 1);
      CHECK(with_right_numbers(path, bad) == bad);
    }
  }

  TEST_CASE("documentation: a quotation that differs from its source is found") {
    const std::string link = "[the tape](../engine/autograd.h)\n```cpp\n";
    const std::string path = "docs/page.md";
    CHECK(wrong_quotes(parse_page(path, link + "NoGrad();\n~NoGrad();\n```\n")).empty());
    CHECK(wrong_quotes(parse_page(path, link + "~NoGrad();\nNoGrad();\n```\n")).size() == 1);
    CHECK(wrong_quotes(parse_page(path, link + "NoGrad()\n```\n")).size() == 1);
    CHECK(wrong_quotes(parse_page(path, link + "```\n")).size() == 1);
    CHECK(wrong_quotes(parse_page(path, "```cpp\nNoGrad();\n```\n")).size() == 1);
  }
}

}  // namespace
