// `derive theorem`: Theorem 4.1 of the paper in numbers and as figures (docs/theorem.md).
#pragma once

#include <filesystem>
#include <vector>

#include "experiments/derive/theorem_batches.h"
#include "experiments/derive/theorem_convergence.h"
#include "experiments/derive/theorem_gradient.h"
#include "experiments/derive/theorem_order.h"
#include "experiments/derive/theorem_processing.h"

namespace cofactor {

// Runs the program and returns its exit code. argv[0] is "theorem", the flags follow. Throws UsageError for a command
// line that cannot be meant, and Error where a file cannot be read or written, where gnuplot is missing or fails, and
// where a check does not hold, after everything is written.
int derive_theorem(int argc, char** argv);

namespace theorem {

struct TheoremResults {
  OrderResult order;
  ConvergenceResult convergence;
  ProcessingResult processing;
  GradientResult gradient;
  BatchResult batches;
};

// Draws theorem_order, theorem_samples, theorem_processing, theorem_gradient and theorem_batches as SVG (960 x 540) and
// PNG (1920 x 1080) into `folder`, all or none of them. Returns the files. Throws Error as run_gnuplot does.
std::vector<std::filesystem::path> draw_theorem(const TheoremResults& results, const std::filesystem::path& folder);

}  // namespace theorem
}  // namespace cofactor
