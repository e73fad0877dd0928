// The precision of --precision.
#pragma once

#include <string_view>

#include "engine/device.h"

namespace cofactor {

// Checks that the device computes in the precision, f32, tf32 or bf16, and lets it round to TF32 where that is asked
// for. (For bf16 there is Module::compute_in_bf16.) Throws UsageError for another name, and where the device does not.
void use_precision(std::string_view precision, Device device);

}  // namespace cofactor
