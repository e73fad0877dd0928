// --profile: records the first steps of a run, after a warm-up, prints where their time goes, and writes a trace.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/profile/machine_rates.h"
#include "engine/profile/recorder.h"

namespace cofactor {

struct ProfileOptions {
  std::filesystem::path file;  // of the trace
  int steps = 10, warm_up = 10;
  DType dtype = DType::f32;                                  // that products are computed in
  std::vector<std::pair<std::string, std::string>> about{};  // what the trace says of the program and the machine
};

// Throws Error where `file` cannot take a trace: its folder cannot be written to, or it is a folder, a device or a file
// that is no trace, which would be lost.
void check_profile_file(const std::filesystem::path& file);

class StepProfile {
 public:
  explicit StepProfile(ProfileOptions options) : options_(std::move(options)) {}

  // Measures the machine. The steps that follow are counted, unless a profile is written; what an earlier run has
  // recorded is dropped. `label` names the run.
  void begin(std::string_view label, Device device);

  // Around one step, from waiting for its batch to the end of its update.
  class Step {
   public:
    // A null profile: nothing is recorded.
    explicit Step(StepProfile* profile);
    // The step was a training step, and counts.
    void keep();

   private:
    StepProfile* profile_;
    std::optional<ProfileRecording::Step> recorded_;
  };

  // Once enough steps are recorded: writes the trace and returns the table, the first time; else nothing. `no_more`: no
  // step follows, and those that are recorded suffice. Throws Error where the file cannot be written.
  std::optional<std::string> report(bool no_more = false);
  bool written() const { return written_; }
  // Why there is no profile, once nothing is trained any more.
  std::string missing() const;

 private:
  const ProfileOptions options_;
  std::string label_;
  Device device_ = kHost;
  MachineRates rates_;
  int seen_ = 0;  // steps of the warm-up
  bool done_ = false, written_ = false;
  std::optional<ProfileRecording> recording_;
};

}  // namespace cofactor
