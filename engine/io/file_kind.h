// Recognises, by its first bytes, a file of another kind than was expected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cofactor {

// What was expected, which decides the advice.
enum class Wanted { weights, word_vectors };

// A clause that says what the bytes are and what to do, for files that people often have in place of weights or word
// vectors: "a Git LFS pointer, which stands for a file of 46830571 bytes; git lfs pull fetches that". Empty for an
// unknown kind. `bytes` is the file's beginning; a few KiB are enough.
std::string foreign_kind(std::string_view bytes, Wanted wanted);

}  // namespace cofactor
