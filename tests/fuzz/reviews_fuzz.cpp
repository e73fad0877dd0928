// Sentences of movie reviews, with the input as the file of both classes.
#include "data/sets/movie_reviews.h"

#include <cstdint>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_reviews(std::string_view bytes) {
  static MemoryFolder folder({"rt-polarity.neg", "rt-polarity.pos"});
  load_movie_reviews(folder.holding(bytes));
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_reviews({reinterpret_cast<const char*>(data), size}); });
}
