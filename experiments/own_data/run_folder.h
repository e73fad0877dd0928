// Finds the folder of the run whose network a person means.
#pragma once

#include <filesystem>

namespace cofactor {

// `folder` itself if it has a network (its model.json or its weights), otherwise the only folder with a model.json
// below it. Folders of inputs that have changed since ("ce.previous-1") and a search's candidates do not count. Throws
// Error if there is none, and if there are several: the message lists them. Weights without a model.json, which earlier
// versions left, are an Error that says how to get it.
std::filesystem::path find_run(const std::filesystem::path& folder);

}  // namespace cofactor
