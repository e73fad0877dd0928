// The corpora of the fuzz targets, run by the ordinary tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cofactor::testing {

// Gives every file of tests/fuzz/corpus/<parser> to the target and checks that each is taken or refused by an Error,
// as its name asks ("good_", "bad_"), in a few seconds of processor time and a quarter of a GiB of memory.
void run_corpus(const std::string& parser, int (*target)(const uint8_t* data, size_t size));

}  // namespace cofactor::testing
