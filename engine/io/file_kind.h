// What a file is that is none of what was expected: told by its first bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cofactor {

// What was expected, which decides the advice.
enum class Wanted { weights, word_vectors };

// Of what people have in place of weights or word vectors: a clause that says what the bytes are and what to do, "a
// Git LFS pointer, which stands for a file of 46830571 bytes; git lfs pull fetches that"; empty where nothing is known.
// `bytes` is the file's beginning: a few KiB do.
std::string foreign_kind(std::string_view bytes, Wanted wanted);

}  // namespace cofactor
