#include "experiments/sweep/profile_flags.h"

#include <fmt/format.h>

#include "experiments/sweep/processor.h"
#include "experiments/sweep/program.h"
#include "experiments/sweep/version.h"

namespace cofactor {
namespace {

constexpr int kMostSteps = 100;  // their events are kept in memory until the trace is written

}  // namespace

void ProfileFlags::add(Flags& flags, std::string_view steps) {
  flags.add("--profile", file_,
            fmt::format("Record {}: print where their time goes, and write a trace for Perfetto to this file", steps));
  flags.add("--profile-steps", steps_, "How many steps --profile records")
      .default_text(fmt::format("{}", ProfileOptions{}.steps));
}

std::optional<ProfileOptions> ProfileFlags::resolve(std::string_view precision) const {
  if (steps_ && (*steps_ < 1 || *steps_ > kMostSteps)) {
    usage("--profile-steps {}: expected 1 to {}", *steps_, kMostSteps);
  }
  if (!file_) {
    if (steps_) usage("--profile-steps {}: it is for --profile FILE", *steps_);
    return std::nullopt;
  }
  ProfileOptions options{.file = *file_};
  try {
    check_profile_file(options.file);
  } catch (const Error& error) {
    usage("--profile {}: {}", *file_, error.what());
  }
  options.steps = steps_.value_or(options.steps);
  if (precision == "bf16") options.dtype = DType::bf16;
  options.about = {{"version", version()}, {"processor", processor_name()}, {"precision", std::string(precision)}};
  return options;
}

}  // namespace cofactor
