// Parts of the library that are files of their own, opened when they are first used: those that only some machines can
// run, or whose libraries take long to load or are often not there.
//
// A module is the file lib<name>.so in the folder that holds this library. It defines one object, and keeps all its
// other symbols to itself (module.map).
#pragma once

#include <string>

namespace cofactor {

// The object of a module, which then stays open until the process ends. `user` begins the message of the Error that is
// thrown where the module cannot be opened: what is missing or of a wrong version, by the loader's own text.
const void* open_module_object(const std::string& name, const char* object, const std::string& user);

// Whether the file of a module lies beside this library.
bool has_module(const std::string& name);

// Opens a library, as "libcuda.so.1", which then stays open until the process ends. What the system's loader says where
// it cannot be opened; else empty.
std::string open_library(const char* name);

}  // namespace cofactor
