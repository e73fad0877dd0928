// Word vectors: word2vec's binary and text files, and GloVe's.
#include "data/text/word_vectors.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_vectors(std::string_view bytes) {
  static MemoryFile file;
  static const Vocabulary vocabulary({{"good", "bad", "a", "the"}});
  const WordVectors vectors = load_word_vectors(file.holding(bytes), vocabulary, std::nullopt, 1);
  if (vectors.values.size() != static_cast<size_t>(vocabulary.size() * vectors.dimension)) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_vectors({reinterpret_cast<const char*>(data), size}); });
}
