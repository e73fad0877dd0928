// Weights that were trained elsewhere, on other classes: torchvision's, say, from ImageNet.
#pragma once

#include <string>
#include <vector>

#include "layers/module.h"

namespace cofactor {

// Loads a state in files' layout (Module::load_state) into a network whose classifier may be for another number of
// classes: the last layer that the network registered, "fc" or "classifier.6", is left as it is where the state's has
// another number of rows. Returns a sentence that says what was loaded and what was not. A state without
// num_batches_tracked, as PyTorch wrote them before 0.4.1, starts those counters at 0, as PyTorch's reader does. Throws
// Error where any other name is missing, unknown, or has another shape or dtype, and then changes nothing.
std::string load_pretrained(Module& module, const std::vector<NamedTensor>& state);

}  // namespace cofactor
