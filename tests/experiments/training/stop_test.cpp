#include "experiments/training/stop.h"

#include <doctest/doctest.h>
#include <signal.h>

using namespace cofactor;

TEST_SUITE("unit") {
  TEST_CASE("stop: a signal is remembered within a scope and thrown where it is asked for") {
    StopSignals::check();  // outside of a scope nothing comes
    const StopSignals scope;
    CHECK(StopSignals::pending() == 0);
    StopSignals::check();
    raise(SIGTERM);
    CHECK(StopSignals::pending() == SIGTERM);
    try {
      StopSignals::check();
      FAIL("nothing was thrown");
    } catch (const Interrupted& stop) {
      CHECK(stop.signal() == SIGTERM);
      CHECK(std::string(stop.what()) == "stopped by SIGTERM");
    }
  }
}
