#include "experiments/training/console.h"

#include <fmt/format.h>
#include <stdio_ext.h>

#include <cerrno>

namespace cofactor {

bool write_text(std::FILE* file, std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fflush(file) == 0 && written && !std::ferror(file)) return true;
  const int reason = errno;
  __fpurge(file);  // what could not be written is not tried again
  std::clearerr(file);
  errno = reason;
  return false;
}

void print_error(std::string_view line) {
  write_text(stderr, fmt::format("{}\n", line));
}

}  // namespace cofactor
