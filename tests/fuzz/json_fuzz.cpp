// JSON: a value that is read and written is the same when it is read again, within the limits on depth and width.
#include "engine/io/json.h"

#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void read_json(std::string_view text) {
  const Json json = parse_json(text);
  const std::string written = write_json(json);
  if (write_json(parse_json(written)) != written) std::abort();
  flatten_json(json);
  ignore_error([&] { field<int>(json, "a"); });
  ignore_error([&] { field<int64_t>(json, "a"); });
  ignore_error([&] { field<uint64_t>(json, "a"); });
  ignore_error([&] { field<double>(json, "a"); });
  ignore_error([&] { field<bool>(json, "a"); });
  ignore_error([&] { field<std::string>(json, "a"); });
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_json({reinterpret_cast<const char*>(data), size}); });
}
