// Loads weights that were trained elsewhere, perhaps on other classes, such as torchvision's weights from ImageNet.
#pragma once

#include <string>
#include <vector>

#include "layers/module.h"

namespace cofactor {

// Loads a state in the layout of files (Module::load_state) into a network that may have another number of classes, and
// returns a sentence that describes what was loaded and converted:
// - The classifier, which is the last layer that the network registered ("fc" or "classifier.6"), keeps its initial
//   weights if that of the state has another number of rows. If the state has no classifier ("fc", or all of
//   "classifier"), the whole classifier keeps its initial weights.
// - If most names have a common prefix ("module.", "backbone."), it is removed, and tensors without it, such as the
//   head of another network, are ignored.
// - Tensors in f64 and bf16 are converted to the network's f32, and counters of batch norms in a floating dtype to
//   whole numbers.
// - If the state has no num_batches_tracked, as PyTorch wrote it before 0.4.1, those counters start at 0, as in
//   PyTorch.
// Throws Error, and changes nothing, if any other tensor is missing, unknown, or has another shape or dtype, or if a
// value is NaN or infinite.
std::string load_pretrained(Module& module, const std::vector<NamedTensor>& state);

}  // namespace cofactor
