#include "tests/docs/pages.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>

#include "engine/io/file.h"

namespace cofactor::testing {

namespace fs = std::filesystem;

Page parse_page(const std::string& path, const std::string& text) {
  Page page{.path = path};
  bool fenced = false;
  int number = 0;
  for (const std::string& line : lines_of(text)) {
    ++number;
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

std::vector<Page> load_pages() {
  std::vector<Page> pages;
  for (const fs::path& folder : {kRoot, kRoot / "docs", kRoot / "docs/gpu"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".md") pages.push_back(load_page(fs::relative(entry.path(), kRoot).string()));
    }
  }
  return pages;
}

std::string text_of(const std::vector<Line>& block) {
  std::string text;
  for (size_t i = 1; i < block.size(); ++i) text += block[i].text + '\n';
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

bool updates_docs() {
  return std::getenv("COFACTOR_UPDATE_DOCS") != nullptr;
}

}  // namespace cofactor::testing
