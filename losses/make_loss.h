// Losses by the names that the command line knows.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "losses/loss.h"
#include "losses/loss_options.h"

namespace cofactor {

// The loss of that name: make_loss("gce", {{"q", 0.5}}). Throws Error for any other name than loss_names(), listing
// them, for an option that the loss does not have or of another type (a whole number will do where a number is
// expected), and for values outside their ranges.
std::unique_ptr<Loss> make_loss(std::string_view method, const LossOptions& options = {});

// The names that make_loss knows: the paper's methods first, "ce", "dmi", "gce", "fw", "lccn", then the others.
std::vector<std::string> loss_names();

// What the loss of that name can be told. Throws Error for an unknown name.
const std::vector<LossOption>& loss_options(std::string_view method);
// The value of an option of a method: the one given, in the type of the default, or the default. Throws Error, naming
// the method, for a value of another type.
OptionValue value_of(std::string_view method, const LossOption& option, const LossOptions& given);

}  // namespace cofactor
