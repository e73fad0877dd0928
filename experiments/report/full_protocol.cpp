#include "experiments/report/full_protocol.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/io/json.h"

namespace cofactor {
namespace {

// Clothing1M's lists name a million training images, and clean ones for validation and test.
constexpr int64_t kMillion = 1'000'000;

void check_count(std::string_view what, std::string_view unit, int64_t found, int64_t full) {
  check(found == full, "{} has {} of {} {}", what, found, full, unit);
}

void check_samples(const Json& parts, std::string_view part, int64_t full) {
  check_count(part, "samples", field<int64_t>(any_field(parts, part), "samples"), full);
}

void check_epochs(const Json& settings, std::string_view phase, int full) {
  check_count(phase, "epochs", field<int64_t>(any_field(settings, phase), "epochs"), full);
}

}  // namespace

const std::vector<FullProtocol>& full_protocols() {
  static const std::vector<FullProtocol> all = {
      {"fashion_mnist", 50'000, 10'000, 10'000, 20, 20, 20}, {"movie_reviews", 7'676, 1'919, 1'067, 50, 50, 50},
      {"cifar10", 40'000, 10'000, 10'000, 120, 100, 120},    {"dogs_vs_cats", 12'500, 6'250, 6'250, 50, 50, 50},
      {"clothing1m", kMillion, 14'313, 10'526, 10, 10, 10},
  };
  return all;
}

const FullProtocol& full_protocol(std::string_view experiment) {
  const auto found = std::ranges::find(full_protocols(), experiment, &FullProtocol::experiment);
  check(found != full_protocols().end(), "{} is not an experiment of the paper", experiment);
  return *found;
}

std::string missing_from_protocol(const Result& result) {
  try {
    const FullProtocol& full = full_protocol(result.experiment);
    const Json settings = parse_json(result.settings);
    const Json& data = any_field(settings, "data");
    check_samples(data, "train", full.train);
    check_samples(data, "validation", full.validation);
    check_samples(settings, "test", full.test);
    check_epochs(settings, "pretraining", full.pretraining_epochs);
    int epochs = full.pretraining_epochs;
    if (settings.contains("method")) {
      epochs = full.finetuning_epochs(result.method);
      check_epochs(settings, "finetuning", epochs);
    }
    check_count("the result", "epochs", result.epochs, epochs);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace cofactor
