// The tape as a drawing.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/autograd.h"

namespace cofactor {

// The tape of `output`, in Graphviz's language: a box for each op, an ellipse for each leaf, by its name in `names`. A
// solid edge is a tensor on its way forward, a dashed one its gradient on the way back; both have a name, a shape and a
// dtype. Tensors without a gradient are not on the tape: where an op has one, an edge comes from a point.
std::string tape_dot(const Tensor& output, const std::map<const Node*, std::string>& names);

// Writes that drawing: as Graphviz's source to a path that ends in .dot, else as SVG, for which `dot` is run. Throws
// Error where it is not installed or fails, and where the file cannot be written.
void write_graph(const std::filesystem::path& path, const std::string& dot);

}  // namespace cofactor
