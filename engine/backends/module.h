// Backends that are libraries of their own, opened when they are first used: those that only some processors run, or
// whose libraries take long to load.
//
// A module is the file lib<name>.so in the folder that holds this library. It defines the object
// `cofactor_backend_module`, and keeps all its other symbols to itself (module.map).
#pragma once

#include <string>

namespace cofactor {

class Backend;

struct BackendModule {
  std::string (*unavailable)();  // why this machine cannot use the backend; empty if it can
  Backend* (*make)();            // the backend, which is never destroyed. May throw Error.
};

// Opens a module, which then stays open until the process ends. Throws Error with the module's path and the loader's
// own text if it cannot be opened.
const BackendModule& open_module(const std::string& name);

// Whether the system's loader finds a library, as "libcuda.so.1". It then stays open until the process ends.
bool has_library(const char* name);

}  // namespace cofactor

extern "C" const cofactor::BackendModule cofactor_backend_module;
