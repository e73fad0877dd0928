// Walks as text, Markdown and LaTeX.
#include "experiments/derive/format.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "experiments/derive/graph.h"
#include "tests/experiments/derive/parsed_walk.h"
#include "tests/fixtures/process.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// What is wrong with the braces and environments of a LaTeX document; empty where they are balanced.
std::string unbalanced(const std::string& latex) {
  std::vector<std::string> open;
  for (size_t i = 0; i < latex.size(); ++i) {
    const std::string_view rest = std::string_view(latex).substr(i);
    if (rest.starts_with("\\begin{") || rest.starts_with("\\end{")) {
      const size_t from = rest.find('{'), to = rest.find('}');
      const std::string name(rest.substr(from + 1, to - from - 1));
      if (rest.starts_with("\\begin{")) {
        open.push_back(name);
      } else {
        if (open.empty() || open.back() != name) return "\\end{" + name + "} without its beginning";
        open.pop_back();
      }
      i += to;
    } else if (rest.starts_with("\\[") || rest.starts_with("\\left")) {
      open.push_back(rest.starts_with("\\[") ? "\\[" : "\\left");
      if (rest.starts_with("\\left")) i += 4;
      ++i;
    } else if (rest.starts_with("\\]") || rest.starts_with("\\right")) {
      const std::string expected = rest.starts_with("\\]") ? "\\[" : "\\left";
      if (open.empty() || open.back() != expected) return "a closing without " + expected;
      open.pop_back();
      if (rest.starts_with("\\right")) i += 5;
      ++i;
    } else if (rest.starts_with("\\")) {
      ++i;  // an escaped character
    } else if (latex[i] == '{') {
      open.push_back("{");
    } else if (latex[i] == '}') {
      if (open.empty() || open.back() != "{") return "} without {";
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

Step step_with(const std::vector<double>& values) {
  Step step;
  step.numbers = Numbers(Shape{static_cast<int64_t>(values.size())}, values);
  return step;
}

std::string shown(const std::vector<double>& values, double value) {
  return NumberStyle(step_with(values)).text(value);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("derive: numbers have the decimals they need") {
    CHECK(shown({1.0, 0.0, 2.0}, 1.0) == "1");
    CHECK(shown({0.5, 1.25}, 0.5) == "0.50");
    CHECK(shown({1.0 / 3.0, 1.0}, 1.0) == "1.000000");
    CHECK(shown({1.0 / 3.0, -1e-9}, -1e-9) == "0.000000");
    CHECK(shown({1e-5 / 3.0}, 1e-5 / 3.0) == "3.33333e-06");
    CHECK(shown({1e-12, 0.0}, 1e-12) == "1.00000e-12");
    CHECK(shown({0.5, 1e-17}, 1e-17) == "0.0");
    CHECK(shown({0.0}, 0.0) == "0");
    CHECK(shown({1.5e9, 1.0}, 1.5e9) == "1.50000e+09");
    CHECK(shown({1.0}, std::nan("")) == "-");
  }

  TEST_CASE("derive: arrays are rows and axes of extent 1 are left out") {
    CHECK(grid_of({}).labels.empty());
    CHECK(grid_of({5}).columns == 5);
    CHECK(grid_of({5}).labels.empty());
    CHECK(grid_of({2, 1}).labels == std::vector<std::string>{"0", "1"});
    CHECK(grid_of({1, 4, 3, 1}).rows == 4);
    CHECK(grid_of({1, 4, 3, 1}).columns == 3);
    CHECK(grid_of({2, 1, 2, 3}).labels == std::vector<std::string>{"0,0", "0,1", "1,0", "1,1"});
  }

  TEST_CASE(
      "derive: text shows every step with its numbers and no line is wider than 110 characters but by one number") {
    for (const Subject& subject : subjects()) {
      CAPTURE(subject.name);
      const Walk walk = walk_of(subject.name);
      std::istringstream lines(as_text(walk));
      std::string line;
      size_t headings = 0;
      while (std::getline(lines, line)) {
        if (line.find(": ") != std::string::npos && std::isdigit(static_cast<unsigned char>(line[0]))) ++headings;
        CHECK_MESSAGE(line.size() <= 120, line);
        CHECK_MESSAGE(!line.ends_with(' '), "'" << line << "'");
      }
      CHECK(headings == walk.steps().size());
    }
  }

  TEST_CASE("derive: every row of a Markdown table has as many cells as its header") {
    for (const Subject& subject : subjects()) {
      std::istringstream lines(as_markdown(walk_of(subject.name)));
      std::string line;
      std::ptrdiff_t cells = 0;
      while (std::getline(lines, line)) {
        if (!line.starts_with("|")) {
          cells = 0;
          continue;
        }
        const std::ptrdiff_t bars = std::ranges::count(line, '|');
        CHECK_MESSAGE((cells == 0 || bars == cells), line);
        cells = bars;
      }
    }
  }

  TEST_CASE("derive: LaTeX has balanced braces and environments") {
    CHECK(unbalanced("\\begin{a} \\[ {x} \\left( y \\right) \\] \\end{a}").empty());
    CHECK(!unbalanced("\\begin{a}").empty());
    CHECK(!unbalanced("\\begin{a}{\\end{a}}").empty());
    CHECK(!unbalanced("\\[ \\left( \\]").empty());
    for (const Subject& subject : subjects()) {
      CAPTURE(subject.name);
      const std::string latex = as_latex(walk_of(subject.name));
      CHECK(unbalanced(latex) == "");
      CHECK(latex.starts_with("\\documentclass"));
      CHECK(latex.ends_with("\\end{document}\n"));
    }
  }

  TEST_CASE("derive: LaTeX of every subject compiles where pdflatex is installed") {
    if (std::system("command -v pdflatex >/dev/null 2>&1") != 0) {
      MESSAGE("pdflatex is not installed (Debian: texlive-latex-base): only the balance of braces is checked");
      return;
    }
    const TemporaryFolder folder;
    for (const Subject& subject : subjects()) {
      CAPTURE(subject.name);
      write_file_atomically(folder.path() / "walk.tex", as_latex(walk_of(subject.name)));
      const Outcome outcome =
          Process({"pdflatex", "-halt-on-error", "-interaction=batchmode",
                   "-output-directory=" + folder.path().string(), (folder.path() / "walk.tex").string()},
                  folder.path())
              .wait();
      CHECK_MESSAGE(outcome.code == 0, outcome.out);
      CHECK(std::filesystem::exists(folder.path() / "walk.pdf"));
      std::filesystem::remove(folder.path() / "walk.pdf");
    }
  }

  TEST_CASE("derive: the drawing has every op forward and backward with shapes and dtypes") {
    const Walk walk = walk_of("dmi", {"--samples", "6"});
    const std::string dot = tape_dot(walk.output(), walk.names());
    for (const char* part :
         {"label=\"softmax\"", "label=\"matmul\"", "label=\"log_abs_det\"", "label=\"z\"", "[label=\"z\\n(6, 3) f64\"]",
          "label=\"dL/dz\\n(6, 3) f64\", style=dashed", "label=\"L\\n() f64\"", "no gradient"}) {
      CAPTURE(part);
      CHECK(dot.find(part) != std::string::npos);
    }
    const Walk layer = walk_of("linear");
    const std::string linear = tape_dot(layer.output(), layer.names());
    for (const char* part : {"dL/dx\\n(4, 3) f64", "dL/dw\\n(2, 3) f64", "dL/db\\n(2) f64"}) {
      CAPTURE(part);
      CHECK(linear.find(part) != std::string::npos);
    }
  }
}
