#include "experiments/sweep/processor.h"

#include <fstream>

#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

std::string read_processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    const std::string_view name = trimmed(std::string_view(line).substr(colon + 1));
    return is_utf8(name) ? std::string(name) : printable(name);
  }
  return {};
}

}  // namespace

const std::string& processor_name() {
  static const std::string name = read_processor_name();  // every run of a sweep asks
  return name;
}

}  // namespace cofactor
