// A transition matrix that a person has written down.
#pragma once

#include <filesystem>

#include "data/noise/transition.h"

namespace cofactor {

// Reads T(c, y) = Pr[noisy label y | true class c]: one line per class c with its `classes` numbers, separated by
// blanks, tabs or commas. Empty lines and lines that begin with # do not count. Throws Error, naming the file and where
// there is one the line, where the file cannot be read, where it holds anything but numbers in [0, 1], and where rows
// are more, fewer, longer, shorter or do not sum to 1 within 1e-6.
Transition read_transition(const std::filesystem::path& path, int64_t classes);

}  // namespace cofactor
