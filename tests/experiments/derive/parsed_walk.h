// Walks made in this process, as the program makes them of a command line.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "experiments/derive/derivation.h"

namespace cofactor::testing {

// The walk of "derive SUBJECT FLAGS".
inline Walk walk_of(const std::string& subject, const std::vector<std::string>& words = {}) {
  const auto found = std::ranges::find(subjects(), subject, &Subject::name);
  REQUIRE_MESSAGE(found != subjects().end(), subject);
  const std::unique_ptr<Derivation> derivation = found->make();
  Flags flags("derive " + subject, "");
  derivation->add_flags(flags);
  std::vector<const char*> argv = {subject.c_str()};
  for (const std::string& word : words) argv.push_back(word.c_str());
  REQUIRE(flags.parse(static_cast<int>(argv.size()), argv.data()));
  return derivation->walk();
}

// The last step whose symbol reads so.
inline const Step& step_of(const Walk& walk, const std::string& symbol) {
  const Step* found = nullptr;
  for (const Step& step : walk.steps())
    if (step.symbol.text == symbol) found = &step;
  REQUIRE_MESSAGE(found, symbol);
  return *found;
}

}  // namespace cofactor::testing
