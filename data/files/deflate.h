// A property of deflate, the compression of gzip and PNG.
#pragma once

#include <cstdint>

namespace cofactor {

// The largest number of bytes that one compressed byte can stand for. It bounds memory by the size of a file.
inline constexpr int64_t kMaxInflation = 1032;

}  // namespace cofactor
