// Weights that were trained elsewhere, on other classes: torchvision's, say, from ImageNet.
#pragma once

#include <string>
#include <vector>

#include "layers/module.h"

namespace cofactor {

// Loads a state in files' layout (Module::load_state) into a network whose classifier may be for another number of
// classes, and returns a sentence that says what was loaded and what was done:
// - The last layer that the network registered, "fc" or "classifier.6", is left as it is where the state's has another
//   number of rows. Where the state has nothing of the classifier ("fc", or all of "classifier"), all of that is.
// - Where the names stand behind a common prefix ("module.", "backbone."), it is taken off, and tensors without it,
//   another network's head, are left out.
// - Tensors in f64 and bf16 are converted to the network's f32, batch norms' counters in any of them to whole numbers.
// - A state without num_batches_tracked, as PyTorch wrote them before 0.4.1, starts those counters at 0, as PyTorch's
//   reader does.
// Throws Error where any other name is missing, unknown, or has another shape or dtype, and where a value is NaN or
// infinite, with the tensor and the element; and then changes nothing.
std::string load_pretrained(Module& module, const std::vector<NamedTensor>& state);

}  // namespace cofactor
