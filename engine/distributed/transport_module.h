// A transport that is a module of its own (engine/module_file.h).
#pragma once

#include <memory>

#include "engine/distributed/launch.h"
#include "engine/distributed/transport.h"

namespace cofactor {

struct TransportModule {
  // Starts the library. Throws Error where it cannot be used, and where it disagrees with the launcher on the ranks.
  std::unique_ptr<Transport> (*make)(const Launch& launch);
};

}  // namespace cofactor

extern "C" const cofactor::TransportModule cofactor_transport_module;
