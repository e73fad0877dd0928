// What the fuzz targets share.
#pragma once

#include <optional>

#include "engine/error.h"

namespace cofactor::testing {

// The Error that refused the last input; none where it was taken. Not its text: MemorySanitizer did not see it written.
inline std::optional<Error> last_error;

// Runs a parser over an input. An Error is a right answer; all else that is thrown, a crash, a
// sanitizer's report, or too much time or memory is a finding. Returns what LLVMFuzzerTestOneInput must.
template <class Parse>
int parse_or_error(const Parse& parse) {
  last_error.reset();
  try {
    parse();
  } catch (const Error& error) {
    last_error = error;
  }
  return 0;
}

}  // namespace cofactor::testing
