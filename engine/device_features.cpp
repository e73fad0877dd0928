#include "engine/device_features.h"

#include "engine/backend.h"

namespace cofactor {

DeviceFeatures& features_of(Device device) {
  return backend_of(device).features();
}

}  // namespace cofactor
