#include "engine/backends/module.h"

#include <dlfcn.h>

#include <filesystem>

#include "engine/error.h"

namespace cofactor {

namespace {

// The folder of the file that this code was loaded from.
std::filesystem::path library_folder() {
  Dl_info info;
  check(dladdr(reinterpret_cast<const void*>(&open_module), &info) != 0 && info.dli_fname,
        "backend: the system does not say which file the library was loaded from");
  return std::filesystem::absolute(info.dli_fname).parent_path();
}

std::string loader_error() {
  const char* text = dlerror();
  return text ? text : "the loader gives no reason";
}

}  // namespace

const BackendModule& open_module(const std::string& name) {
  const std::string path = library_folder() / ("lib" + name + ".so");
  // Local: no symbol of the module serves another library. Now: a missing symbol is found here, not within a kernel.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  check(module, "backend: {} cannot be opened: {}", path, loader_error());
  const void* found = dlsym(module, "cofactor_backend_module");
  check(found, "backend: {} is not a backend's module: {}", path, loader_error());
  return *static_cast<const BackendModule*>(found);
}

bool has_library(const char* name) {
  return dlopen(name, RTLD_LAZY | RTLD_LOCAL) != nullptr;
}

}  // namespace cofactor
