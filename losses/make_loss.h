// Losses by the names that the command line knows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/noise/transition.h"
#include "losses/bootstrapping.h"
#include "losses/dmi.h"
#include "losses/gce.h"
#include "losses/lccn.h"
#include "losses/symmetric_cross_entropy.h"

namespace cofactor {

// What the losses can be told; each reads its own part.
struct LossOptions {
  DmiOptions dmi = {};
  GceOptions gce = {};
  std::optional<Transition> transition = {};  // of "fw" and "bw"; none: estimated in prepare()
  LccnOptions lccn = {};
  BootstrapOptions bootstrap = {};
  SceOptions sce = {};
};

// The loss of that name. Throws Error for any other than loss_names(), listing them, and for options outside their
// ranges.
std::unique_ptr<Loss> make_loss(std::string_view method, const LossOptions& options = {});

// The names that make_loss knows: the paper's methods first, "ce", "dmi", "gce", "fw", "lccn", then the others.
std::vector<std::string> loss_names();

}  // namespace cofactor
