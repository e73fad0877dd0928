// What the fuzz targets share.
#pragma once

#include <string>
#include <string_view>

#include "engine/error.h"

namespace cofactor::testing {

// What became of the last input.
inline bool last_was_taken = false;
inline std::string last_message;  // of the Error that refused it

// Runs a parser over an input. An Error is a right answer if it says something; all else that is thrown, a crash, a
// sanitizer's report, or too much time or memory is a finding. Returns what LLVMFuzzerTestOneInput must.
template <class Parse>
int parse_or_error(const Parse& parse) {
  last_was_taken = false;
  last_message.clear();
  try {
    parse();
    last_was_taken = true;
  } catch (const Error& error) {
    last_message = error.what();
  }
  return 0;
}

}  // namespace cofactor::testing
