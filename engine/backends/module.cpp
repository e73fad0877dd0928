#include "engine/backends/module.h"

#include <dlfcn.h>

#include <filesystem>

#include "engine/error.h"

namespace cofactor {

namespace {

// The folder of the file that this code was loaded from.
std::filesystem::path library_folder() {
  Dl_info info;
  check(dladdr(reinterpret_cast<const void*>(&backend_of_module), &info) != 0 && info.dli_fname,
        "backend: the system does not say which file the library was loaded from");
  return std::filesystem::absolute(info.dli_fname).parent_path();
}

std::string loader_error() {
  const char* text = dlerror();
  return text ? text : "the loader gives no reason";
}

}  // namespace

Backend& backend_of_module(const std::string& name) {
  const std::string path = library_folder() / ("lib" + name + ".so");
  // Local: another library's symbols are never the module's. Now: a missing symbol is found here, not within a kernel.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  check(module, "backend: {} cannot be opened: {}", path, loader_error());
  const auto make = reinterpret_cast<MakeBackend*>(dlsym(module, kBackendEntry));
  check(make, "backend: {} has no entry {}: {}", path, kBackendEntry, loader_error());
  return *make();
}

}  // namespace cofactor
