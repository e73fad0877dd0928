// Reads the IDX format of MNIST and similar data sets, plain or gzipped: http://yann.lecun.com/exdb/mnist
// A file has two zero bytes, a type (0x08: unsigned byte), the rank, one 4-byte big-endian extent per axis, and the
// values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "engine/shape.h"

namespace cofactor {

struct IdxFile {
  Shape shape;                  // (N) for labels, (N, H, W) for images
  std::vector<uint8_t> values;  // shape.numel() of them, row-major
};

// Reads a file of unsigned bytes. Gzip is recognised by the first two bytes, not by the name. Throws Error, with the
// path and the byte offset, if the file is missing, not IDX, of another type or rank, cut short, too long, or damaged.
IdxFile read_idx(const std::filesystem::path& path, int expected_rank);

}  // namespace cofactor
