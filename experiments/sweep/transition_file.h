// A label noise transition matrix that a person has written down.
#pragma once

#include <filesystem>

#include "losses/transition.h"

namespace cofactor {

// Reads T(c, y) = Pr[label y | class c]: a line a class c with its `classes` numbers, parted by blanks, tabs or commas.
// Empty lines and lines that begin with # do not count. Throws Error, naming the file and where there is one the line,
// where the file cannot be read, where it holds something else than numbers in [0, 1], and where rows are more, fewer,
// longer, shorter or do not sum to 1 within 1e-6.
Transition read_transition(const std::filesystem::path& path, int64_t classes);

}  // namespace cofactor
