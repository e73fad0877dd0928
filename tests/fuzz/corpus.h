// Runs the corpora of the fuzz targets in the ordinary tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cofactor::testing {

// Runs the target on every file of tests/fuzz/corpus/<parser>, and checks that each is accepted or rejected with Error,
// as its name requires ("good_", "bad_"), within a few seconds of processor time and a quarter of a GiB of memory.
void run_corpus(const std::string& parser, int (*target)(const uint8_t* data, size_t size));

}  // namespace cofactor::testing
