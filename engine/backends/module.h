// Backends that are libraries of their own, opened when they are first used: those for some processors or devices only.
//
// A module is the file lib<name>.so in the folder that holds this library. It defines `cofactor_make_backend`
// (kBackendEntry), and keeps all its other symbols to itself (module.map).
#pragma once

#include <string>

namespace cofactor {

class Backend;

// The entry: makes the module's backend, which is never destroyed. May throw Error.
inline constexpr const char* kBackendEntry = "cofactor_make_backend";
using MakeBackend = Backend*();

// Opens the module and makes its backend. Throws Error with the module's path and the loader's own text where it cannot
// be opened. The module stays open until the process ends.
Backend& backend_of_module(const std::string& name);

}  // namespace cofactor
