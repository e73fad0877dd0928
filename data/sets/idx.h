// The IDX format of MNIST and its kin, plain or gzipped: http://yann.lecun.com/exdb/mnist
// Two zero bytes, a type (0x08: unsigned byte), the rank, one 4-byte big-endian extent an axis, then the values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "engine/shape.h"

namespace cofactor {

struct IdxFile {
  Shape shape;
  std::vector<uint8_t> values;  // row-major
};

// Reads a file of unsigned bytes; gzip is recognised by its first two bytes, not by the name. Throws Error, with the
// path and the byte offset, for a file that is missing, not IDX, of another type or rank, cut short, too long, or that
// gunzip rejects.
IdxFile read_idx(const std::filesystem::path& path, int expected_rank);

}  // namespace cofactor
