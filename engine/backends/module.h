// Backends that are modules (engine/module_file.h).
#pragma once

#include <string>

#include "engine/device.h"

namespace cofactor {

class Backend;

struct BackendModule {
  // How many devices of its kind this machine has, at least 1. Throws Error, which says why, where none can be used.
  int (*count)();
  // The backend of the device with an index below that; it is never destroyed. May throw Error.
  Backend* (*make)(int index);
};

// Opens a backend's module. Throws Error, which names the device, where it cannot be opened.
const BackendModule& open_module(const std::string& name, Device device);

}  // namespace cofactor

extern "C" const cofactor::BackendModule cofactor_backend_module;
