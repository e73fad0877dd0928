#include "engine/backends/module.h"

#include "engine/module_file.h"

namespace cofactor {

const BackendModule& open_module(const std::string& name, Device device) {
  return *static_cast<const BackendModule*>(
      open_module_object(name, "cofactor_backend_module", fmt::format("device {}", device)));
}

}  // namespace cofactor
