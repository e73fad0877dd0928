// Why one run of a sweep ends while the others go on.
#pragma once

#include "engine/error.h"

namespace cofactor {

// One run of a sweep cannot go on: it diverged, or the labels carry no signal for its loss. The others can.
class RunFailed : public Error {
 public:
  using Error::Error;
};

// A network's output is not finite.
class NotFinite : public RunFailed {
 public:
  using RunFailed::RunFailed;
};

}  // namespace cofactor
