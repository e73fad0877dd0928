// How much of a device's memory a data set may take: on the tests' device "cuda", which can say what it has left.
#include <doctest/doctest.h>

#include "data/image_array.h"
#include "data/loader.h"
#include "tests/engine/cuda/host_kernels_backend.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("images stay on the device where they take at most a quarter of its free memory or lie there already") {
    auto& backend = dynamic_cast<HostKernelsBackend&>(backend_of(Device::cuda));
    const size_t free_bytes = backend.free_bytes;
    const auto images =
        std::make_shared<const ImageArray>(std::vector<uint8_t>(1000), Shape{10, 10, 1}, std::vector<int32_t>(10), 1,
                                           std::vector<float>{0}, std::vector<float>{1});
    const auto stays = [&](size_t free, Resident resident) {
      backend.free_bytes = free;
      LoaderOptions options;
      options.device = Device::cuda;
      options.resident = resident;
      return Loader(make_split(images, 0, 10), options).resident();
    };
    CHECK(!stays(3999, Resident::automatic));
    CHECK(!images->bytes().is_on(Device::cuda));
    CHECK(!stays(4000, Resident::off));
    CHECK(stays(4000, Resident::automatic));
    CHECK(images->bytes().is_on(Device::cuda));
    CHECK(stays(0, Resident::automatic));
    CHECK(!images->bytes().is_on(kHost));
    backend.free_bytes = free_bytes;
  }
}

}  // namespace cofactor::testing
