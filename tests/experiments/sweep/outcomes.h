// What sweeps leave, for comparing one with another.
#pragma once

#include <map>
#include <string>

#include "engine/io/file.h"
#include "experiments/report/results.h"

namespace cofactor::testing {

// What must not depend on interruptions, or on how many processes there were: every result of a folder and the weights
// of its run.
inline std::map<std::string, std::string> outcome_in(const std::filesystem::path& out) {
  std::map<std::string, std::string> all;
  for (Result result : read_results(out / "results.jsonl").results) {
    result.seconds = 0.0;
    all["result of " + result.label()] = to_json(result);
    all[result.folder().string()] = read_file(out / result.folder() / "weights.safetensors");
  }
  return all;
}

}  // namespace cofactor::testing
