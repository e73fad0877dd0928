#include "losses/make_loss.h"

#include <fmt/ranges.h>

#include <array>

#include "losses/backward_correction.h"
#include "losses/cross_entropy.h"
#include "losses/forward_correction.h"
#include "losses/mae.h"

namespace cofactor {

namespace {

using Made = std::unique_ptr<Loss>;

struct Method {
  std::string_view name;
  Made (*make)(const LossOptions& options);
};

constexpr std::array kMethods{
    Method{"ce", [](const LossOptions&) -> Made { return std::make_unique<CrossEntropyLoss>(); }},
    Method{"dmi", [](const LossOptions& options) -> Made { return std::make_unique<DmiLoss>(options.dmi); }},
    Method{"gce", [](const LossOptions& options) -> Made { return std::make_unique<GceLoss>(options.gce); }},
    Method{
        "fw",
        [](const LossOptions& options) -> Made { return std::make_unique<ForwardCorrectionLoss>(options.transition); }},
    Method{"lccn", [](const LossOptions& options) -> Made { return std::make_unique<LccnLoss>(options.lccn); }},
    Method{"bw",
           [](const LossOptions& options) -> Made {
             return std::make_unique<BackwardCorrectionLoss>(options.transition);
           }},
    Method{"mae", [](const LossOptions&) -> Made { return std::make_unique<MaeLoss>(); }},
    Method{"bootstrap-soft",
           [](const LossOptions& options) -> Made {
             return std::make_unique<SoftBootstrapLoss>(options.bootstrap.soft_beta);
           }},
    Method{"bootstrap-hard",
           [](const LossOptions& options) -> Made {
             return std::make_unique<HardBootstrapLoss>(options.bootstrap.hard_beta);
           }},
    Method{"sce",
           [](const LossOptions& options) -> Made { return std::make_unique<SymmetricCrossEntropyLoss>(options.sce); }},
};

}  // namespace

std::unique_ptr<Loss> make_loss(std::string_view method, const LossOptions& options) {
  for (const Method& known : kMethods)
    if (known.name == method) return known.make(options);
  fail("make_loss: there is no method \"{}\", expected one of: {}", method, fmt::join(loss_names(), ", "));
}

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  names.reserve(kMethods.size());
  for (const Method& method : kMethods) names.emplace_back(method.name);
  return names;
}

}  // namespace cofactor
