// NumPy arrays: every row of an accepted array can be read, its elements fill the file, and as features and as labels
// it is taken or refused.
#include "data/files/npy.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "data/sets/feature_array.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_features(const std::filesystem::path& path) {
  const auto features = open_features(path);
  const auto count = static_cast<size_t>(std::min<int64_t>(features->rows(), 100));
  std::vector<int64_t> rows(count);
  for (size_t i = 0; i < count; ++i) rows[i] = static_cast<int64_t>(i);
  const FeatureScaling scaling = measure_scaling(*features, rows);
  const FeatureArray data(features, scaling, std::vector<int32_t>(static_cast<size_t>(features->rows())), 1);
  const SampleContents contents = data.contents(rows, 1);
  if (contents.broken.size() > count || contents.checksums.size() != count) std::abort();
}

void read_array(std::string_view bytes) {
  static MemoryFile file;
  const NpyArray array(file.holding(bytes));
  if (static_cast<size_t>(array.elements()) * size_of(array.type()) > bytes.size()) std::abort();
  if (array.elements() > 0 && array.rows() * array.row_elements() != array.elements()) std::abort();
  for (int64_t row = 0; row < std::min<int64_t>(array.rows(), 100); ++row)
    if (array.row(row).size() > bytes.size()) std::abort();
  ignore_error([&] {
    if (array.whole_numbers().size() != static_cast<size_t>(array.elements())) std::abort();
  });
  ignore_error([&] { read_features(file.path()); });
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_array({reinterpret_cast<const char*>(data), size}); });
}
