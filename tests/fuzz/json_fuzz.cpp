// JSON: what is read is written back to the same value, within the limits on depth and width.
#include "engine/io/json.h"

#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

template <class Read>
void read_field(const Read& read) {
  try {
    read();
  } catch (const Error&) {
  }
}

void read_json(std::string_view text) {
  const Json json = parse_json(text);
  const std::string written = write_json(json);
  if (write_json(parse_json(written)) != written) std::abort();
  flatten_json(json);
  read_field([&] { field<int>(json, "a"); });
  read_field([&] { field<int64_t>(json, "a"); });
  read_field([&] { field<uint64_t>(json, "a"); });
  read_field([&] { field<double>(json, "a"); });
  read_field([&] { field<bool>(json, "a"); });
  read_field([&] { field<std::string>(json, "a"); });
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_json({reinterpret_cast<const char*>(data), size}); });
}
