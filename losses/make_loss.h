// Losses by the names that the command line knows.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "losses/dmi.h"

namespace cofactor {

// What the losses can be told; each reads its own part.
struct LossOptions {
  DmiOptions dmi;
};

// "ce" or "dmi". Throws Error for any other name, listing the known ones.
std::unique_ptr<Loss> make_loss(std::string_view method, const LossOptions& options = {});

// The names that make_loss knows.
std::vector<std::string> loss_names();

}  // namespace cofactor
