// The pages against the programs of examples/: what a page shows as their output is what they print, and the numbers in
// the text of docs/exercises.md are those that are shown.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/io/file.h"
#include "tests/docs/pages.h"
#include "tests/fixtures/process.h"

namespace {

namespace fs = std::filesystem;
using namespace cofactor::testing;
using cofactor::read_file;

constexpr const char* kExercises = "docs/exercises.md";
const std::string kCommand = "$ scripts/run ";

// A number as it is printed: "2", "-0.0500", "1.5e+10".
const std::regex& printed_number() {
  static const std::regex pattern(R"(-?[0-9]+(?:\.[0-9]+)?(?:e[-+][0-9]+)?)");
  return pattern;
}

// One unit of a printed number's last digit.
double last_digit(const std::string& number) {
  const size_t mantissa_end = std::min(number.find('e'), number.size()), point = number.find('.');
  const double decimals = point < mantissa_end ? static_cast<double>(mantissa_end - point - 1) : 0.0;
  const double exponent = mantissa_end < number.size() ? std::stod(number.substr(mantissa_end + 1)) : 0.0;
  return std::pow(10.0, exponent - decimals);
}

struct Printed {
  std::string words;  // the text with # for each number, and spaces as one
  std::vector<std::string> numbers{};
};

Printed parse_output(const std::string& text) {
  Printed printed;
  for (std::sregex_iterator match(text.begin(), text.end(), printed_number()), end; match != end; ++match) {
    printed.numbers.push_back(match->str());
  }
  static const std::regex spaces(" +");
  printed.words = std::regex_replace(std::regex_replace(text, printed_number(), "#"), spaces, " ");
  return printed;
}

// How a program's output differs from what a page shows; empty where it does not: the words are the same, and each
// number is, up to a unit of its last digit, since processors and compilers round differently.
std::string difference(const std::string& shown, const std::string& output) {
  const Printed expected = parse_output(shown), actual = parse_output(output);
  if (expected.words != actual.words || expected.numbers.size() != actual.numbers.size())
    return fmt::format("the page shows\n{}\nthe program prints\n{}", shown, output);
  for (size_t i = 0; i < expected.numbers.size(); ++i) {
    const std::string &from_page = expected.numbers[i], &from_program = actual.numbers[i];
    const double error = std::abs(std::stod(from_page) - std::stod(from_program));
    if (!(error <= 1.001 * std::max(last_digit(from_page), last_digit(from_program))))
      return fmt::format("number {} is {} on the page, the program prints {}", i + 1, from_page, from_program);
  }
  return {};
}

// What an example prints. It must end with 0 and print no error.
std::string output_of(const std::string& name) {
  const TemporaryFolder folder;
  const Outcome outcome = Process({program("example_" + name)}, folder.path()).wait();
  CAPTURE(name);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.err.empty());
  return outcome.out;
}

// A block that shows a command and its output: the example or exercise that it starts; empty for another block, such as
// of `derive` (tests/experiments/derive).
std::string program_of(const std::vector<Line>& block) {
  const std::string command = block.size() > 1 ? block[1].text : "";
  if (!command.starts_with(kCommand)) return {};
  const std::string name = command.substr(kCommand.size());
  const bool is_example =
      fs::exists(kRoot / "examples" / (name + ".cpp")) || fs::exists(kRoot / "examples/exercises" / (name + ".cpp"));
  return is_example ? name : "";
}

std::string shown_output(const std::vector<Line>& block) {
  return text_of(block).substr(block[1].text.size() + 1);
}

// The page, also in its file, with each block's output replaced by what its program prints.
Page with_new_outputs(const Page& page) {
  const std::string before = read_file(kRoot / page.path);
  std::vector<std::string> lines = lines_of(before);
  for (auto block = page.blocks.rbegin(); block != page.blocks.rend(); ++block) {
    const std::string name = program_of(*block);
    if (name.empty()) continue;
    const auto first = lines.begin() + (*block)[1].number;
    const std::vector<std::string> output = lines_of(output_of(name));
    const auto place = lines.erase(first, first + static_cast<std::ptrdiff_t>(block->size()) - 2);
    lines.insert(place, output.begin(), output.end());
  }
  std::string after;
  for (const std::string& line : lines) after += line + '\n';
  if (after != before) cofactor::write_file_atomically(kRoot / page.path, after);
  return parse_page(page.path, after);
}

// The lines between a heading and the next of the same level.
struct Section {
  std::string title;
  std::vector<Line> prose;
  std::vector<std::vector<Line>> blocks;
};

std::vector<Section> sections_of(const Page& page) {
  std::vector<Section> sections;
  std::vector<int> begins;
  for (const Line& line : page.prose) {
    if (line.text.starts_with("## ") || line.text.starts_with("### ")) {
      sections.push_back({line.text.substr(line.text.find(' ') + 1), {}, {}});
      begins.push_back(line.number);
    } else if (!sections.empty()) {
      sections.back().prose.push_back(line);
    }
  }
  for (const std::vector<Line>& block : page.blocks) {
    const auto after = std::ranges::upper_bound(begins, block[0].number);
    if (after != begins.begin()) sections[static_cast<size_t>(after - begins.begin()) - 1].blocks.push_back(block);
  }
  return sections;
}

// The decimal numbers of a section's text that neither its blocks show nor the sources of the programs in them have.
std::vector<std::string> unshown_numbers(const Section& section) {
  static const std::regex decimal(R"((?:^|[^0-9A-Za-z_.])(-?[0-9]+(?:\.[0-9]+(?:e[-+][0-9]+)?|e[-+][0-9]+)))");
  std::string text;
  for (const std::vector<Line>& block : section.blocks) {
    const fs::path source = kRoot / "examples/exercises" / (program_of(block) + ".cpp");
    text += text_of(block);
    if (fs::exists(source)) text += read_file(source);
  }
  std::set<double> shown;
  for (const std::string& number : parse_output(text).numbers) shown.insert(std::stod(number));
  std::vector<std::string> unshown;
  for (const Line& line : section.prose) {
    for (const std::string& number : matches(line.text, decimal)) {
      if (!shown.contains(std::stod(number))) unshown.push_back(fmt::format("line {}: {}", line.number, number));
    }
  }
  return unshown;
}

TEST_SUITE("unit") {
  TEST_CASE("documentation: pages show what the programs print that they start") {
    std::multiset<std::string> shown;
    for (Page page : load_pages()) {
      if (updates_docs()) page = with_new_outputs(page);
      for (const std::vector<Line>& block : page.blocks) {
        const std::string name = program_of(block);
        if (name.empty()) continue;
        if (page.path == kExercises) shown.insert(name);
        const std::string wrong = difference(shown_output(block), output_of(name));
        if (!wrong.empty()) {
          FAIL_CHECK(
              fmt::format("{}:{}: {}: {}\nCOFACTOR_UPDATE_DOCS=1 build/release/bin/test_docs shows the new output",
                          page.path, block[0].number, name, wrong));
        }
      }
    }
    std::multiset<std::string> exercises;
    for (const auto& entry : fs::directory_iterator(kRoot / "examples/exercises")) {
      exercises.insert(entry.path().stem().string());
    }
    CHECK(shown == exercises);  // each of them once
    CHECK(shown.size() == 12);
  }

  TEST_CASE("exercises: each has a question with a hint and a solution whose numbers its program prints") {
    std::map<std::string, Section> sections;
    for (const Section& section : sections_of(load_page(kExercises))) sections[section.title] = section;
    for (int number = 1; number <= 12; ++number) {
      CAPTURE(number);
      const auto exercise = std::ranges::find_if(
          sections, [&](const auto& entry) { return entry.first.starts_with(fmt::format("{}. ", number)); });
      REQUIRE(exercise != sections.end());
      std::string text;
      for (const Line& line : exercise->second.prose) text += line.text + '\n';
      const std::string solution = fmt::format("Solution {}", number);
      for (const std::string& part : {std::string("**Change.**"), std::string("**Question.**"),
                                      std::string("**Hint.**"), fmt::format("[Solution](#solution-{})", number)}) {
        CAPTURE(part);
        CHECK(text.find(part) != std::string::npos);
      }
      REQUIRE(sections.contains(solution));
      for (const std::string& unshown : unshown_numbers(sections[solution]))
        FAIL_CHECK(fmt::format("{}: {}: neither shown nor in the program", kExercises, unshown));
    }
  }

  TEST_CASE("exercises: an output that differs from the page in a word or a digit is found") {
    CHECK(difference("loss 0.500 of 3\n", "loss  0.501 of 3\n").empty());
    CHECK(difference("loss 1.50e+10\n", "loss 1.51e+10\n").empty());
    CHECK(difference("loss inf\n", "loss inf\n").empty());
    CHECK(!difference("loss 0.500\n", "loss 0.502\n").empty());
    CHECK(!difference("loss -0.5\n", "loss 0.5\n").empty());
    CHECK(!difference("loss 0.5\n", "cost 0.5\n").empty());
    CHECK(!difference("loss 0.5\n", "loss inf\n").empty());
    CHECK(!difference("loss 0.5\n", "loss 0.5\nloss 0.5\n").empty());
    CHECK(!difference("loss 1.50e+10\n", "loss 1.50e+11\n").empty());
  }

  TEST_CASE("exercises: a number of the text that no block shows is found with its line") {
    const Page page =
        parse_page("docs/page.md",
                   "### 1. Title with 9.9\n"
                   "It falls to 0.25, not to 0.7, at the rate 0.1, in section 3, v1.2, 2e-04 or -1.5e+10.\n"
                   "```\n$ scripts/run zero_grad\nloss 0.25 and -1.5e+10\n```\n"
                   "### 2. Another\n"
                   "0.25\n");
    const std::vector<Section> sections = sections_of(page);
    REQUIRE(sections.size() == 2);
    CHECK(unshown_numbers(sections[0]) == std::vector<std::string>{"line 2: 0.7", "line 2: 2e-04"});
    CHECK(unshown_numbers(sections[1]) == std::vector<std::string>{"line 8: 0.25"});
    CHECK(program_of(page.blocks[0]) == "zero_grad");
    CHECK(shown_output(page.blocks[0]) == "loss 0.25 and -1.5e+10\n");
  }
}

}  // namespace
