// The model of a run (model.json): one that is taken is written and read again as the same, and its inputs have a size.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "experiments/own_data/run_model_json.h"
#include "tests/experiments/own_data/run_folders.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

RunModel model_beside(SampleKind kind) {
  switch (kind) {
    case SampleKind::images: return image_model();
    case SampleKind::text: return text_model();
    case SampleKind::features: break;
  }
  return feature_model();
}

void read_model(std::string_view json) {
  const RunModel beside = model_beside(run_model_kind(json));
  const RunModel model = run_model_from(json, beside);
  const std::string written = run_model_json(model);
  if (run_model_json(run_model_from(written, beside)) != written) std::abort();
  if (model.classes.empty() || model.sample_shape().numel() < 1) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { read_model({reinterpret_cast<const char*>(data), size}); });
}
