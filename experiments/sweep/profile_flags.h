// --profile and --profile-steps, the same in every program that trains.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "experiments/sweep/flags.h"
#include "experiments/training/step_profile.h"

namespace cofactor {

// Must live until the command line is parsed.
class ProfileFlags {
 public:
  // `steps` says in --help which steps are recorded.
  void add(Flags& flags, std::string_view steps);
  // Nothing where no profile is asked for. Throws UsageError for a file that cannot take one, and for a number of steps
  // out of range or without a file. `precision` is that of the command line.
  std::optional<ProfileOptions> resolve(std::string_view precision) const;

 private:
  std::optional<std::string> file_;
  std::optional<int> steps_;
};

}  // namespace cofactor
