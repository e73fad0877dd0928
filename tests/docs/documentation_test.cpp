// The documentation against the tree: links, paths, commands and quoted code.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/io/file.h"

namespace {

namespace fs = std::filesystem;
using cofactor::read_file;

const fs::path kRoot = COFACTOR_SOURCE_DIR;

struct Line {
  int number = 0;
  std::string text;
};

// A page of Markdown, its lines parted by kind.
struct Page {
  std::string path;  // from the root
  std::vector<Line> prose{};
  std::vector<std::vector<Line>> blocks{};  // fenced; the first line of each is the fence, with its language
};

Page parse_page(const std::string& path, const std::string& text) {
  Page page{.path = path};
  std::istringstream lines(text);
  std::string line;
  bool fenced = false;
  for (int number = 1; std::getline(lines, line); ++number) {
    const bool fence = line.starts_with("```");
    if (fence && !fenced) page.blocks.emplace_back();
    if (fenced && fence) {
      fenced = false;
      continue;
    }
    fenced = fenced || fence;
    (fenced ? page.blocks.back() : page.prose).push_back({number, line});
  }
  REQUIRE_MESSAGE(!fenced, path << ": a fenced block has no end");
  return page;
}

Page load_page(const std::string& path) {
  return parse_page(path, read_file(kRoot / path));
}

// Every page of the repository: those at its top, in docs/ and in docs/gpu/.
std::vector<Page> load_pages() {
  std::vector<Page> pages;
  for (const fs::path& folder : {kRoot, kRoot / "docs", kRoot / "docs/gpu"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".md") pages.push_back(load_page(fs::relative(entry.path(), kRoot).string()));
    }
  }
  return pages;
}

// The anchor that GitHub gives a heading: lower case, spaces as hyphens, of other characters only letters, digits, _
// and -.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading) {
    if (c == ' ') anchor += '-';
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') {
      anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return anchor;
}

std::set<std::string> anchors_of(const Page& page) {
  std::set<std::string> anchors;
  for (const Line& line : page.prose) {
    const size_t level = line.text.find_first_not_of('#');
    if (level == 0 || level == std::string::npos || line.text[level] != ' ') continue;
    anchors.insert(anchor_of(line.text.substr(level + 1)));
  }
  return anchors;
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

// Every link to a file or heading of the repository that leads nowhere, as "page:line: target".
std::vector<std::string> broken_links(const Page& page) {
  static const std::regex link(R"(\]\(([^)\s]+)\))");
  std::vector<std::string> broken;
  for (const Line& line : page.prose) {
    for (const std::string& target : matches(line.text, link)) {
      if (target.find("://") != std::string::npos || target.starts_with("mailto:")) continue;
      const size_t hash = target.find('#');
      const std::string file = target.substr(0, hash);
      const fs::path path = file.empty() ? kRoot / page.path : (kRoot / page.path).parent_path() / file;
      bool good = file.empty() || fs::exists(path);
      if (good && hash != std::string::npos) {
        const auto anchors = anchors_of(file.empty() ? page : load_page(fs::relative(path, kRoot).string()));
        good = anchors.contains(target.substr(hash + 1));
      }
      if (!good) broken.push_back(fmt::format("{}:{}: {}", page.path, line.number, target));
    }
  }
  return broken;
}

// Names of all files of the repository's source folders, without their folders.
const std::set<std::string>& file_names() {
  static const std::set<std::string> names = [] {
    std::set<std::string> all;
    for (const auto& top : fs::directory_iterator(kRoot)) {
      const std::string name = top.path().filename().string();
      if (!top.is_directory()) all.insert(name);
      if (!top.is_directory() || name.starts_with('.') || name == "build" || name == "runs") continue;
      for (const auto& entry : fs::recursive_directory_iterator(top)) all.insert(entry.path().filename().string());
    }
    return all;
  }();
  return names;
}

// Whether code in backticks reads as a path of the repository and there is no such file: "engine/ops/conv.h",
// "losses/dmi" (a pair of files), "docs/", "conv2d.h".
bool is_missing_path(const std::string& code) {
  static const std::regex path(R"(([A-Za-z0-9_.-]+)(/[A-Za-z0-9_.-]+)*/?)");
  static const std::regex source_name(R"([A-Za-z0-9_]+\.(h|cpp|cu|cuh|py|md|cmake))");
  std::smatch match;
  if (!std::regex_match(code, match, path)) return false;
  if (code.find('/') == std::string::npos) return std::regex_match(code, source_name) && !file_names().contains(code);
  const std::string top = match[1];
  if (top.starts_with("build") || top == "runs" || !fs::is_directory(kRoot / top)) return false;
  return !fs::exists(kRoot / code) && !fs::exists(kRoot / (code + ".h")) && !fs::exists(kRoot / (code + ".cpp"));
}

// Every path in backticks that does not exist, as "page:line: path".
std::vector<std::string> missing_paths(const Page& page) {
  static const std::regex code(R"(`([^`]+)`)");
  std::vector<std::string> missing;
  for (const Line& line : page.prose) {
    for (const std::string& text : matches(line.text, code)) {
      if (is_missing_path(text)) missing.push_back(fmt::format("{}:{}: {}", page.path, line.number, text));
    }
  }
  return missing;
}

// Everything in which a flag may be defined, as one text.
const std::string& flag_sources() {
  static const std::string sources = [] {
    std::string text;
    for (const char* folder : {"experiments", "scripts", "bench", "losses"}) {
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
        if (entry.is_regular_file()) text += read_file(entry.path());
      }
    }
    return text;
  }();
  return sources;
}

// Flags in backticks, `--rate 0.4`, that no program or script has.
std::vector<std::string> unknown_flags(const Page& page) {
  static const std::regex flag(R"(`(--[a-z][-a-z]*))");
  std::vector<std::string> unknown;
  for (const Line& line : page.prose) {
    for (const std::string& name : matches(line.text, flag)) {
      if (!std::regex_search(flag_sources(), std::regex("[\" |]" + name + "[^-a-z]"))) {
        unknown.push_back(fmt::format("{}:{}: {}", page.path, line.number, name));
      }
    }
  }
  return unknown;
}

// What is wrong with a command of a fenced block; empty where it starts no script or a right one.
std::string judge_command(const std::string& command) {
  std::istringstream words(command);
  std::string script, name;
  words >> script >> name;
  if (!script.starts_with("scripts/")) return {};
  if (!fs::is_regular_file(kRoot / script)) return "there is no " + script;
  if ((fs::status(kRoot / script).permissions() & fs::perms::owner_exec) == fs::perms::none)
    return script + " cannot be executed";
  if (script != "scripts/run" || name.empty() || name.starts_with('-') || name.starts_with('#')) return {};
  for (const char* folder : {"experiments", "examples"}) {
    if (fs::exists(kRoot / folder / (name + ".cpp"))) return {};
  }
  return fmt::format("scripts/run {}: there is no such experiment or example", name);
}

// The lines between "// README: begin" and "// README: end", without the indentation that all of them share.
std::string quoted_part(const std::string& source) {
  const std::string begin = "// README: begin\n", end = "  // README: end";
  const size_t from = source.find(begin), to = source.find(end);
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  std::istringstream lines(source.substr(from + begin.size(), to - from - begin.size()));
  std::string line, text;
  while (std::getline(lines, line)) text += (line.starts_with("  ") ? line.substr(2) : line) + '\n';
  return text;
}

std::string text_of(const std::vector<Line>& block) {
  std::string text;
  for (size_t i = 1; i < block.size(); ++i) text += block[i].text + '\n';
  return text;
}

TEST_SUITE("unit") {
  TEST_CASE("documentation: every link of the repository's pages leads to a file or a heading") {
    const std::vector<Page> pages = load_pages();
    CHECK(pages.size() >= 6);
    for (const Page& page : pages) {
      for (const std::string& broken : broken_links(page)) FAIL_CHECK(broken);
    }
  }

  TEST_CASE("documentation: every path in backticks exists") {
    for (const Page& page : load_pages()) {
      for (const std::string& missing : missing_paths(page)) FAIL_CHECK(missing);
    }
  }

  TEST_CASE("documentation: every flag in backticks is a flag of a program or script") {
    for (const Page& page : load_pages()) {
      for (const std::string& unknown : unknown_flags(page)) FAIL_CHECK(unknown);
    }
  }

  TEST_CASE("documentation: every command in a fenced block starts a script that is there") {
    int commands = 0;
    for (const Page& page : load_pages()) {
      for (const std::vector<Line>& block : page.blocks) {
        for (const Line& line : block) {
          const std::string wrong = judge_command(line.text);
          if (!wrong.empty()) FAIL_CHECK(fmt::format("{}:{}: {}", page.path, line.number, wrong));
          if (line.text.starts_with("scripts/")) ++commands;
        }
      }
    }
    CHECK(commands > 5);
  }

  TEST_CASE("documentation: the README quotes examples/first_network.cpp") {
    std::vector<std::string> quoted;
    for (const std::vector<Line>& block : load_page("README.md").blocks) {
      if (block[0].text == "```cpp") quoted.push_back(text_of(block));
    }
    REQUIRE(quoted.size() == 1);
    CHECK(quoted[0] == quoted_part(read_file(kRoot / "examples/first_network.cpp")));
  }

  TEST_CASE("documentation: what is wrong in a page is found with its line") {
    const Page page = parse_page("docs/page.md",
                                 "# A heading: with `code`\n"
                                 "[good](architecture.md) [up](../README.md) [web](https://example.org/x)\n"
                                 "[here](#a-heading-with-code) [absent](absent.md) [no such heading](#another)\n"
                                 "`engine/tensor.h` `losses/dmi` `docs/` `tensor.h` `engine/absent.h` `absent.cpp`\n"
                                 "`--rate 0.4` `--no-such-flag` `suspects.csv` `runs/train/absent`\n"
                                 "```\n"
                                 "[not a link](absent.md) `engine/absent.h`\n"
                                 "```\n");
    CHECK(broken_links(page) == std::vector<std::string>{"docs/page.md:3: absent.md", "docs/page.md:3: #another"});
    CHECK(missing_paths(page) ==
          std::vector<std::string>{"docs/page.md:4: engine/absent.h", "docs/page.md:4: absent.cpp"});
    CHECK(unknown_flags(page) == std::vector<std::string>{"docs/page.md:5: --no-such-flag"});
    REQUIRE(page.blocks.size() == 1);
    CHECK(page.blocks[0].size() == 2);
    CHECK(judge_command("scripts/run").empty());
    CHECK(judge_command("scripts/run fashion_mnist --rate 0.4").empty());
    CHECK(judge_command("scripts/run no_such_experiment").find("no_such_experiment") != std::string::npos);
    CHECK(judge_command("scripts/absent").find("no scripts/absent") != std::string::npos);
  }
}

}  // namespace
