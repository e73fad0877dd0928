// Runs a parser in a fuzz target.
#pragma once

#include <optional>

#include "engine/error.h"

namespace cofactor::testing {

// The Error that rejected the last input; none if it was accepted. (A copy of its text would trip MemorySanitizer,
// which did not see it written.)
inline std::optional<Error> last_error;

// Runs a parser on an input. Error is a correct result; any other exception, a crash, a sanitizer's report, or too much
// time or memory is a finding. Returns 0, as LLVMFuzzerTestOneInput must.
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

// Calls a function that may throw Error, for a part of an input whose rejection does not matter.
template <class Call>
void ignore_error(const Call& call) {
  try {
    call();
  } catch (const Error&) {
  }
}

}  // namespace cofactor::testing
