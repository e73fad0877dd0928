#include "experiments/sweep/precision.h"

#include "engine/device_features.h"
#include "experiments/sweep/program.h"

namespace cofactor {

void use_precision(std::string_view precision, Device device) {
  if (precision == "f32") return;
  if (precision != "tf32" && precision != "bf16") {
    usage("--precision {}: unknown name; there are f32, tf32, bf16", precision);
  }
  as_usage("--precision", precision, [&](std::string_view name) {
    DeviceFeatures& features = features_of(device);
    if (name == "bf16") {
      features.check_bf16();
    } else {
      features.set_allow_tf32(true);
    }
    return true;
  });
}

}  // namespace cofactor
