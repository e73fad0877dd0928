#include "experiments/sweep/loss_flags.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "data/noise/file.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

const std::string kGivenNoiseFlag = fmt::format("--noise {}", kGivenNoise);

}  // namespace

template <class T>
Flag LossFlags::add(Flags& flags, const std::string& name, T& value, const std::string& text,
                    std::vector<std::string> methods) {
  const Flag flag = flags.add(name, value, fmt::format("{}: {}", fmt::join(methods, ", "), text));
  flags_.push_back({flag, std::move(methods)});
  return flag;
}

LossFlags::LossFlags(Flags& flags, LossOptions& options) : options_(options) {
  flags.start_group("Losses");
  add(flags, "--epsilon", options.dmi.epsilon, "added to |det U|; the published code has 0.001", {"dmi"})
      .default_text("0, the paper's");
  add(flags, "--no-normalize", no_normalize_, "U = O L, not O L / N, as most of the published code has it", {"dmi"});
  add(flags, "--q", options.gce.q, "the loss is (1 - p^q) / q", {"gce"});
  add(flags, "--truncation", options.gce.truncation, "constant where p is at most this; 0: nowhere", {"gce"});
  add(flags, "--transition", transition_, "file of T: a line a class, its label probabilities",
      {"fw", "bw", kGivenNoiseFlag})
      .default_text("estimated from ce");
  add(flags, "--warmup-steps", options.lccn.warmup_steps, "first steps, whose T is that of ce's outputs", {"lccn"});
  add(flags, "--update-every", options.lccn.update_every, "steps from one T to the next, counted from drawn labels",
      {"lccn"});
  add(flags, "--lccn-alpha", options.lccn.alpha, "added to each count of T", {"lccn"});
  add(flags, "--soft-beta", options.bootstrap.soft_beta, "the label's weight", {"bootstrap-soft"});
  add(flags, "--hard-beta", options.bootstrap.hard_beta, "the label's weight", {"bootstrap-hard"});
  add(flags, "--sce-alpha", options.sce.alpha, "weight of cross entropy", {"sce"});
  add(flags, "--sce-beta", options.sce.beta, "weight of reverse cross entropy", {"sce"});
  add(flags, "--sce-log-zero", options.sce.log_zero, "stands for log 0", {"sce"});
}

void LossFlags::resolve(const std::vector<std::string>& methods, const std::vector<std::string>& noises,
                        int64_t classes) {
  options_.dmi.normalize = options_.dmi.normalize && !no_normalize_;
  std::vector<std::string> readers = methods;
  if (std::ranges::find(noises, kGivenNoise) != noises.end()) {
    if (transition_.empty()) usage("{}: --transition names the file of its matrix", kGivenNoiseFlag);
    readers.emplace_back(kGivenNoiseFlag);
  }
  check_read(readers);
  if (!transition_.empty()) {
    try {
      options_.transition = read_transition(transition_, classes);
    } catch (const Error& error) {
      usage("--transition: {}", error.what());
    }
  }
  for (const std::string& method : methods) check_value(method);
}

void LossFlags::check_read(const std::vector<std::string>& methods) const {
  for (const MethodFlag& flag : flags_) {
    if (!flag.flag.given()) continue;
    const auto reads = [&](const std::string& method) { return std::ranges::find(methods, method) != methods.end(); };
    if (std::ranges::any_of(flag.methods, reads)) continue;
    usage("{}: it is for {}, and --method has only {}", flag.flag.name(), fmt::join(flag.methods, " and "),
          fmt::join(methods, ", "));
  }
}

// The loss itself judges its options; here they get the flags' names.
void LossFlags::check_value(const std::string& method) const {
  try {
    make_loss(method, options_);
  } catch (const Error& error) {
    std::string given;
    for (const MethodFlag& flag : flags_) {
      const bool read = std::ranges::find(flag.methods, method) != flag.methods.end();
      if (!read || !flag.flag.given()) continue;
      given += fmt::format("{} {}, ", flag.flag.name(), flag.flag.text());
    }
    if (!given.empty()) given.replace(given.size() - 2, 2, ": ");
    usage("{}{}", given, error.what());
  }
}

Json loss_settings(std::string_view method, const LossOptions& options) {
  if (method == "dmi") return {{"normalize", options.dmi.normalize}, {"epsilon", options.dmi.epsilon}};
  if (method == "gce") return {{"q", options.gce.q}, {"truncation", options.gce.truncation}};
  if (method == "fw" || method == "bw") {
    if (!options.transition) return {{"transition", "estimated"}};
    return {{"transition", options.transition->values()}};
  }
  if (method == "lccn") {
    return {{"warmup_steps", options.lccn.warmup_steps},
            {"update_every", options.lccn.update_every},
            {"alpha", options.lccn.alpha}};
  }
  if (method == "bootstrap-soft") return {{"beta", options.bootstrap.soft_beta}};
  if (method == "bootstrap-hard") return {{"beta", options.bootstrap.hard_beta}};
  if (method == "sce") {
    return {{"alpha", options.sce.alpha}, {"beta", options.sce.beta}, {"log_zero", options.sce.log_zero}};
  }
  return nullptr;
}

}  // namespace cofactor
