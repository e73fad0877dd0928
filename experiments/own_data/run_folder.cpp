#include "experiments/own_data/run_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "engine/error.h"
#include "engine/io/json.h"
#include "engine/io/utf8.h"
#include "experiments/own_data/run_model.h"
#include "experiments/training/checkpoint.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeightsName = "weights.safetensors";
constexpr size_t kMaxRunsListed = 10;

bool holds(const fs::path& folder, std::string_view file) {
  std::error_code ignored;
  return fs::exists(folder / file, ignored);
}

struct FoundRuns {
  std::vector<fs::path> described, undescribed;  // by whether there is a model.json beside the weights
};

void search_below(const fs::path& folder, FoundRuns& found) {
  std::error_code error;
  std::vector<fs::path> folders;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) folders.push_back(entry->path());
  }
  check(!error, "'{}' cannot be read: {}", folder.string(), error.message());
  std::ranges::sort(folders);
  for (const fs::path& inner : folders) {
    if (inner.filename().string().find(".previous-") != std::string::npos) continue;
    if (holds(inner, kModelFile)) {
      found.described.push_back(inner);
    } else if (holds(inner, kWeightsName)) {
      found.undescribed.push_back(inner);
    } else {
      search_below(inner, found);
    }
  }
}

// The settings that are stored with the weights; an empty object where they cannot be read.
Json settings_of_weights(const fs::path& folder) {
  try {
    Json settings = parse_json(load_weights(folder / kWeightsName).settings);
    if (settings.is_object()) return settings;
  } catch (const Error&) {
  }
  return Json::object();
}

[[noreturn]] void fail_without_model(const fs::path& folder) {
  const Json settings = settings_of_weights(folder);
  if (settings.contains("fold")) {
    fail(
        "'{}' is the network of a fold, which judges samples for the labels of a run; predict uses the run's own "
        "network, in '{}' once it is trained",
        folder.string(), (folder.parent_path().parent_path() / folder.filename()).string());
  }
  if (settings.value("experiment", Json()) == "fashion_mnist") {
    fail(
        "'{}' is a run of fashion_mnist, whose network takes its data set's arrays of 28 x 28 grey values; predict "
        "uses the networks of train, movie_reviews, cifar10, dogs_vs_cats and clothing1m",
        folder.string());
  }
  fail(
      "'{}' has weights but no {}, which says how they are used. Ask for the run again, with the command that trained "
      "it: if it is finished, nothing is trained and the file is written",
      folder.string(), kModelFile);
}

std::string listed(const std::vector<fs::path>& runs) {
  std::vector<std::string> names;
  for (const fs::path& run : runs) {
    if (names.size() == kMaxRunsListed) break;
    names.push_back(printable(run.string()));
  }
  const size_t more = runs.size() - names.size();
  return fmt::format("{}{}", fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace

fs::path find_run(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  check(fs::exists(status), "'{}' does not exist", folder.string());
  check(fs::is_directory(status), "'{}' is a file, expected the folder of a run", folder.string());
  if (holds(folder, kModelFile)) return folder;
  if (holds(folder, kWeightsName)) fail_without_model(folder);
  FoundRuns found;
  search_below(folder, found);
  if (found.described.size() == 1) return found.described.front();
  check(found.described.empty(), "'{}' has {} runs; name one of them: {}", folder.string(), found.described.size(),
        listed(found.described));
  if (!found.undescribed.empty()) fail_without_model(found.undescribed.front());
  fail("'{}' has no trained network: there is no {} in it or below it", folder.string(), kModelFile);
}

}  // namespace cofactor
