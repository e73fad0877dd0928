#include "experiments/training/step_profile.h"

#include <fmt/format.h>

#include <fstream>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/profile/summary.h"
#include "engine/profile/trace.h"

namespace cofactor {

namespace {

bool is_empty_or_trace(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string start(kTraceBegins.size(), ' ');
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  return stream.gcount() == 0 ? stream.eof() : start == kTraceBegins;
}

}  // namespace

void check_profile_file(const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  std::error_code none;
  const fs::file_status status = fs::status(file, none);
  check(file.has_filename() && !fs::is_directory(status), "it is a folder, expected the name of a file");
  if (fs::exists(status)) {
    check(fs::is_regular_file(status), "it is not a file");
    check(is_empty_or_trace(file),
          "there is a file of that name that is no profile; it would be lost: remove it, or name another");
  }
  const fs::path folder = file.parent_path();
  ensure_writable_directory(folder.empty() ? "." : folder);
}

void StepProfile::begin(std::string_view label, Device device) {
  if (done_) return;
  label_ = label;
  device_ = device;
  seen_ = 0;
  recording_.reset();
  rates_ = measure_machine(device, options_.dtype);
}

StepProfile::Step::Step(StepProfile* profile) : profile_(profile) {
  if (!profile_ || profile_->done_ || profile_->seen_ < profile_->options_.warm_up) return;
  if (!profile_->recording_) profile_->recording_.emplace(profile_->device_);
  recorded_.emplace(*profile_->recording_);
}

void StepProfile::Step::keep() {
  if (recorded_) recorded_->keep();
  if (profile_ && !recorded_) ++profile_->seen_;
}

std::optional<std::string> StepProfile::report(bool no_more) {
  const int steps = recording_ ? recording_->steps() : 0;
  if (done_ || steps == 0 || (steps < options_.steps && !no_more)) return std::nullopt;
  done_ = true;  // also where writing fails: the run goes on
  const std::vector<ProfileEvent> events = recording_->events();
  recording_.reset();
  Json about = {{"run", label_},
                {"device", name_of(device_)},
                {"steps", steps},
                {"GFLOP/s of a matrix product", 1e-9 * rates_.flops},
                {"GB/s of a copy", 1e-9 * rates_.bytes}};
  for (const auto& [name, value] : options_.about) about[name] = value;
  write_file_atomically(options_.file, write_json(trace_of(events, about)));
  written_ = true;
  return fmt::format("profile of {}: {} {} on {}, on average\n{}\nTrace: {} (opens in ui.perfetto.dev)", label_, steps,
                     steps == 1 ? "step" : "steps", device_, format_summary(summarize(events), rates_),
                     options_.file.string());
}

std::string StepProfile::missing() const {
  if (done_) return "the trace could not be written";
  if (seen_ == 0) return "nothing was trained that the command line asks for";
  return fmt::format("{} steps were trained, and the first {} are a warm-up", seen_, options_.warm_up);
}

}  // namespace cofactor
