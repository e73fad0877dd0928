// The losses' options: on the command line, and in a run's settings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/io/json.h"
#include "experiments/sweep/flags.h"
#include "losses/make_loss.h"

namespace cofactor {

// The group "Losses" of --help. Must live while the command line is parsed, as must `options`, whose values are the
// defaults.
class LossFlags {
 public:
  LossFlags(Flags& flags, LossOptions& options);

  // Completes `options` once all is parsed, reading --transition's file. Throws UsageError for a flag that none of the
  // methods reads, for a value that its loss does not take, for a file that is no transition matrix of as many classes,
  // with bw also where it is singular, and for the noise "transition" without a file.
  void resolve(const std::vector<std::string>& methods, const std::vector<std::string>& noises, int64_t classes);

 private:
  struct MethodFlag {
    Flag flag;
    std::vector<std::string> methods;  // that read it; a noise stands as "--noise NAME"
  };
  template <class T>
  Flag add(Flags& flags, const std::string& name, T& value, const std::string& text, std::vector<std::string> methods);
  void check_read(const std::vector<std::string>& methods) const;
  void check_value(const std::string& method) const;

  LossOptions& options_;
  bool no_normalize_ = false;
  std::string transition_;
  std::vector<MethodFlag> flags_;
};

// What a method reads of the options, as a JSON object; null where it reads nothing.
Json loss_settings(std::string_view method, const LossOptions& options);

}  // namespace cofactor
