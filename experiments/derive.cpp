// Gradients in numbers: walks through a loss or a layer, each step by its formula, by the engine and by central
// differences.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "experiments/derive/derivation.h"
#include "experiments/derive/format.h"
#include "experiments/derive/graph.h"
#include "experiments/derive/theorem.h"
#include "experiments/sweep/program.h"
#include "experiments/training/console.h"

namespace {

using namespace cofactor;

struct OutputOptions {
  std::string format = "text";
  std::optional<std::string> graph;
  std::vector<int64_t> steps;
};

// What derive does beside walks, by its name.
struct Command {
  std::string_view name, what;
  int (*run)(int argc, char** argv);  // with the command's name as argv[0]
};

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"theorem", "Theorem 4.1 in numbers and figures, with clean and noisy labels", derive_theorem},
  };
  return all;
}

void print(const std::string& text) {
  if (!write_text(stdout, text)) fail("standard output cannot be written to: {}", std::strerror(errno));
}

std::string help() {
  std::string text =
      "Gradients in numbers: walks through one small example step by step, with each step's formula, its value by the\n"
      "formula, by the engine's autograd and by central differences\n"
      "Usage: derive SUBJECT [FLAGS]\n\nSubjects:\n";
  for (const Subject& subject : subjects()) text += fmt::format("  {:<16}{}\n", subject.name, subject.what);
  for (const Command& command : commands()) text += fmt::format("  {:<16}{}\n", command.name, command.what);
  return text + "\nderive SUBJECT --help lists the subject's flags.\n";
}

std::string names() {
  std::string text;
  for (const Subject& subject : subjects()) text += (text.empty() ? "" : ", ") + subject.name;
  for (const Command& command : commands()) text += fmt::format(", {}", command.name);
  return text;
}

void check_graph(const OutputOptions& options) {
  if (!options.graph) return;
  const std::string extension = std::filesystem::path(*options.graph).extension().string();
  if (extension != ".svg" && extension != ".dot")
    usage("--graph {}: expected a name that ends in .svg, or in .dot for Graphviz's source", *options.graph);
}

std::string formatted(const Walk& walk, const std::string& format) {
  if (format == "markdown") return as_markdown(walk);
  if (format == "latex") return as_latex(walk);
  return as_text(walk);
}

int derive_subject(const Subject& subject, int argc, char** argv) {
  OutputOptions options;
  Flags flags("derive " + subject.name, subject.what + ", step by step");
  const std::unique_ptr<Derivation> derivation = subject.make();
  derivation->add_flags(flags);
  flags.start_group("Output");
  flags.add("--format", options.format, "markdown has formulas in LaTeX; latex is a whole document")
      .one_of({"text", "markdown", "latex"});
  flags.add("--steps", options.steps, "Numbers of the steps to print; without it all");
  flags.add("--graph", options.graph, "SVG file for a drawing of the tape, by Graphviz; or .dot, for its source");
  if (!flags.parse(argc, argv)) return 0;
  check_graph(options);
  Walk walk = derivation->walk();
  if (!options.steps.empty()) walk.show_only(options.steps);
  print(formatted(walk, options.format));
  if (options.graph) write_graph(*options.graph, tape_dot(walk.output(), walk.names()));
  for (const Step& step : walk.steps())
    check(step.agrees(), "the step '{}' does not agree: {}", step.heading, agreement_of(step));
  return 0;
}

int derive(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h") {
    print(help());
    return 0;
  }
  if (name.empty()) usage("expected what to derive, one of: {} (--help describes them)", names());
  for (const Command& command : commands())
    if (command.name == name) return command.run(argc - 1, argv + 1);
  for (const Subject& subject : subjects())
    if (subject.name == name) return derive_subject(subject, argc - 1, argv + 1);
  usage("'{}' is none of: {} (--help describes them)", name, names());
}

}  // namespace

int main(int argc, char** argv) {
  return run_main("derive", [&] { return derive(argc, argv); });
}
