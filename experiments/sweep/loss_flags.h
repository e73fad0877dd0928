// The losses' options on the command line and in a run's settings, made of what the losses say of themselves
// (losses/loss_options.h): no method or option is named here.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/io/json.h"
#include "experiments/sweep/flags.h"
#include "losses/make_loss.h"

namespace cofactor {

// The flag of the transition matrix, which the noise "transition" reads too.
inline constexpr std::string_view kTransitionFlag = "--transition";

// The group "Losses" of --help. Must live while the command line is parsed, as must `options`, whose values are the
// defaults.
class LossFlags {
 public:
  LossFlags(Flags& flags, MethodOptions& options);
  // The flags of these methods only, of a program without the noise "transition".
  LossFlags(Flags& flags, MethodOptions& options, const std::vector<std::string>& methods);

  // Completes `options` once all is parsed, and returns the matrix in the file of --transition where there is one.
  // Throws UsageError for a flag that none of the methods reads, for a value that its loss does not take, for a file
  // that is not a transition matrix of as many classes, and for the noise "transition" without a file.
  std::optional<Transition> resolve(const std::vector<std::string>& methods, const std::vector<std::string>& noises,
                                    int64_t classes);

 private:
  // What a flag sets: the text is the name of a transition matrix's file.
  using Value = std::variant<bool, int64_t, double, std::string>;
  struct Reader {
    std::string method;
    const LossOption* option;
  };
  struct LossFlag {
    std::vector<Reader> readers;
    Value value;
    bool noise_reads = false;  // --noise NAME too
    std::optional<Flag> flag = {};
    std::vector<std::string> reader_names() const;  // a noise stands as "--noise NAME"
  };

  void collect(const std::string& method, const LossOption& option);
  void add(Flags& flags);
  void check_read(const std::vector<std::string>& readers) const;
  static OptionValue parsed(const LossFlag& flag, int64_t classes);
  void check_values(const std::string& method) const;

  MethodOptions& options_;
  std::deque<LossFlag> flags_;  // whose values stay where they are
};

// The values given for a method; empty where none are.
const LossOptions& options_of(const MethodOptions& options, std::string_view method);

// All options of a method with their values, as a JSON object, without those that count only where they are set
// (LossOption::only_if_set); null where it has none.
Json loss_settings(std::string_view method, const MethodOptions& options);

}  // namespace cofactor
