// Sentences of movie reviews; the input is both classes' file.
#include "data/sets/movie_reviews.h"

#include <cstdint>

#include "tests/fixtures/temporary_folder.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

// A folder in which both names stand for one file in memory.
struct ReviewFiles {
  ReviewFiles() {
    for (const char* name : {"rt-polarity.neg", "rt-polarity.pos"})
      std::filesystem::create_symlink(file.path(), folder / name);
  }
  MemoryFile file;
  TemporaryFolder folder;
};

void read_reviews(std::string_view bytes) {
  static ReviewFiles files;
  files.file.holding(bytes);
  load_movie_reviews(files.folder.path());
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_reviews({reinterpret_cast<const char*>(data), size}); });
}
