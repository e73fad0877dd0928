// Decisions about labels, for five samples of three classes. Those that can be applied leave labels that are classes or
// missing, and confirm no label that is missing.
#include "data/sets/reviewed_labels.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void review(std::string_view text) {
  const std::vector<std::string> classes = {"1", "2", "a b"};
  auto reviewed = ReviewedLabels::parse(text, "fuzzed", classes);
  std::vector<int32_t> labels = {0, 1, 2, -1, 0};
  const std::vector<uint8_t> confirmed =
      reviewed.apply(labels, [](int64_t index) { return std::string(1, static_cast<char>('a' + index)); });
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < -1 || labels[i] >= 3 || (labels[i] < 0 && confirmed[i] != 0)) std::abort();
  reviewed.check_applied();
  if (reviewed.summary().empty()) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { review({reinterpret_cast<const char*>(data), size}); });
}
