#include "engine/module_file.h"

#include <dlfcn.h>

#include <filesystem>

#include "engine/error.h"

namespace cofactor {

namespace {

// The folder of the file that this code was loaded from.
std::filesystem::path library_folder() {
  Dl_info info;
  check(dladdr(reinterpret_cast<const void*>(&open_library), &info) != 0 && info.dli_fname,
        "modules: the system does not say which file the library was loaded from");
  return std::filesystem::absolute(info.dli_fname).parent_path();
}

std::filesystem::path module_path(const std::string& name) {
  return library_folder() / ("lib" + name + ".so");
}

std::string loader_error() {
  const char* text = dlerror();
  return text ? text : "the loader gives no reason";
}

// Why a module cannot be opened and what to do, from the loader's text: "FILE: what is wrong with it".
std::string cause(const std::filesystem::path& module, const std::string& text) {
  if (!std::filesystem::exists(module)) {
    return fmt::format("{} is missing: it belongs beside the library that looks for it; build or install it again",
                       module.string());
  }
  constexpr std::string_view kNotFound = ": cannot open shared object file: No such file or directory";
  if (text.ends_with(kNotFound))
    return fmt::format(
        "the library {}, which {} needs, is not found: install it, or name its folder in LD_LIBRARY_PATH",
        text.substr(0, text.size() - kNotFound.size()), module.string());
  const bool other_version =
      text.find("undefined symbol") != text.npos || text.find("not found (required") != text.npos;
  return fmt::format(
      "{} cannot be opened: {}{}", module.string(), text,
      other_version ? "; a library that it needs has another version than the one it was built with" : "");
}

}  // namespace

const void* open_module_object(const std::string& name, const char* object, const std::string& user) {
  const std::filesystem::path path = module_path(name);
  // Local: no symbol of the module serves another library. Now: a missing symbol is found here, not within a kernel.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  check(module, "{}: {}", user, module ? "" : cause(path, loader_error()));
  const void* found = dlsym(module, object);
  check(found, "{}: {} is not a module with {}: {}", user, path.string(), object, found ? "" : loader_error());
  return found;
}

bool has_module(const std::string& name) {
  return std::filesystem::exists(module_path(name));
}

std::string open_library(const char* name) {
  return dlopen(name, RTLD_LAZY | RTLD_LOCAL) ? "" : loader_error();
}

}  // namespace cofactor
