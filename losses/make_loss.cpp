#include "losses/make_loss.h"

#include <fmt/ranges.h>

#include <array>

#include "losses/cross_entropy.h"

namespace cofactor {

namespace {

struct Method {
  std::string_view name;
  std::unique_ptr<Loss> (*make)(const LossOptions& options);
};

constexpr std::array kMethods{
    Method{"ce", [](const LossOptions&) -> std::unique_ptr<Loss> { return std::make_unique<CrossEntropyLoss>(); }},
    Method{"dmi",
           [](const LossOptions& options) -> std::unique_ptr<Loss> { return std::make_unique<DmiLoss>(options.dmi); }},
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
