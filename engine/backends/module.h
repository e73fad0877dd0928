// Backends that are libraries of their own, opened when they are first used: those that only some processors run, or
// whose libraries take long to load.
//
// A module is the file lib<name>.so in the folder that holds this library. It defines the object
// `cofactor_backend_module`, and keeps all its other symbols to itself (module.map).
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

// Opens a module, which then stays open until the process ends. Throws Error, which names the device, where it cannot
// be opened: what is missing or of a wrong version, by the loader's own text.
const BackendModule& open_module(const std::string& name, Device device);

// Opens a library, as "libcuda.so.1", which then stays open until the process ends. What the system's loader says where
// it cannot be opened; else empty.
std::string open_library(const char* name);

}  // namespace cofactor

extern "C" const cofactor::BackendModule cofactor_backend_module;
