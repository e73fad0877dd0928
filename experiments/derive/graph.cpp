#include "experiments/derive/graph.h"

#include "engine/io/file.h"
#include "experiments/report/external_program.h"

namespace cofactor {
namespace {

const ExternalProgram kDot = {
    "derive", "dot", "graphviz",
    "a --graph file that ends in .dot takes the drawing's source, for which it is not needed"};

// "t3: (8, 3) f64", on two lines.
std::string edge_label(const std::string& name, const Node& node) {
  return fmt::format("{}\\n{} {}", name, node.shape, node.dtype);
}

// What the tape's tensors are called: leaves by their names, the output L, and the others t1, t2, ...
std::map<const Node*, std::string> tensor_names(const std::vector<std::shared_ptr<Node>>& tape,
                                                const std::map<const Node*, std::string>& names) {
  std::map<const Node*, std::string> all = names;
  int count = 0;
  for (const auto& node : tape) {
    if (all.contains(node.get())) continue;
    all[node.get()] = node == tape.back() ? "L" : fmt::format("t{}", ++count);
  }
  return all;
}

}  // namespace

std::string tape_dot(const Tensor& output, const std::map<const Node*, std::string>& names) {
  const std::vector<std::shared_ptr<Node>> tape = tape_of(output);
  const std::map<const Node*, std::string> called = tensor_names(tape, names);
  std::map<const Node*, size_t> number;
  std::string dot =
      "digraph tape {\n"
      "  rankdir=TB; nodesep=0.6; ranksep=0.5;\n"
      "  node [fontname=\"Helvetica\", fontsize=12, shape=box, style=\"rounded,filled\", fillcolor=\"#eef3fa\"];\n"
      "  edge [fontname=\"Helvetica\", fontsize=10];\n";
  for (const auto& node : tape) {
    const size_t id = number.size();
    number[node.get()] = id;
    if (node->is_leaf)
      dot += fmt::format("  n{} [label=\"{}\", shape=ellipse, fillcolor=\"#fdf3d8\"];\n", id, called.at(node.get()));
    else
      dot += fmt::format("  n{} [label=\"{}\"];\n", id, node->op);
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      const Node* input = node->inputs[i].get();
      if (!input) {
        dot += fmt::format(
            "  c{}_{} [shape=point, width=0.08, label=\"\"];\n  c{}_{} -> n{} [label=\"no gradient\", "
            "color=\"#999999\", fontcolor=\"#777777\"];\n",
            id, i, id, i, id);
        continue;
      }
      const std::string& name = called.at(input);
      dot += fmt::format("  n{} -> n{} [label=\"{}\"];\n", number.at(input), id, edge_label(name, *input));
      dot += fmt::format(
          "  n{} -> n{} [label=\"{}\", style=dashed, color=\"#b03a2e\", fontcolor=\"#b03a2e\", constraint=false];\n",
          id, number.at(input), edge_label("dL/d" + name, *input));
    }
  }
  if (!tape.empty()) {
    const Node& last = *tape.back();
    dot += fmt::format("  loss [label=\"L\", shape=ellipse, fillcolor=\"#e6f4e6\"];\n  n{} -> loss [label=\"{}\"];\n",
                       number.at(&last), edge_label("L", last));
    dot += fmt::format(
        "  loss -> n{} [label=\"{}\", style=dashed, color=\"#b03a2e\", fontcolor=\"#b03a2e\", constraint=false];\n",
        number.at(&last), edge_label("dL/dL = 1", last));
  }
  return dot + "}\n";
}

void write_graph(const std::filesystem::path& path, const std::string& dot) {
  if (path.extension() == ".dot") return write_file_atomically(path, dot);
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const FileBytes drawn =
      run_external(kDot, {"-Tsvg", "-o", "tape.svg", "tape.dot"}, {{"tape.dot", dot}}, {"tape.svg"}, folder);
  const std::string& svg = drawn.at("tape.svg");
  check_svg(kDot, path.string(), svg);
  write_file_atomically(path, svg);
}

}  // namespace cofactor
