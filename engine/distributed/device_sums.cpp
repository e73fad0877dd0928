#include "engine/distributed/device_sums.h"

#include <algorithm>

#include "engine/device_features.h"
#include "engine/distributed/nccl_sums.h"
#include "engine/module_file.h"

namespace cofactor {

namespace {

constexpr const char* kNcclModule = "cofactor_nccl";

// What NCCL needs on this rank.
struct NcclParts {
  std::unique_ptr<DeviceQueue> queue;
  std::unique_ptr<NcclCalls> calls;
};

NcclParts open_nccl(Device device) {
  NcclParts parts;
  parts.queue = features_of(device).queue();
  check(parts.queue != nullptr, "the device {} has no queue of its own for sums", device);
  check(has_module(kNcclModule), "this build has no NCCL");
  parts.calls = static_cast<const NcclModule*>(open_module_object(kNcclModule, "cofactor_nccl_module", "NCCL"))->make();
  return parts;
}

}  // namespace

std::string sum_on_devices(Communicator& ranks, Device device) {
  NcclParts parts;
  std::string missing = ranks.size() == 1 ? "there is one rank" : "";
  if (missing.empty()) {
    try {
      parts = open_nccl(device);
    } catch (const Error& error) {
      missing = error.what();
    }
  }
  const std::vector<std::string> all = ranks.all_gather_texts(missing);
  const auto found = std::ranges::find_if(all, [](const std::string& text) { return !text.empty(); });
  if (found != all.end()) {
    const std::string who = ranks.size() == 1 ? "" : fmt::format("on rank {}, ", found - all.begin());
    return fmt::format("the host's memory: {}{}", who, *found);
  }
  const auto sums = std::make_shared<NcclSums>(ranks, device, std::move(parts.queue), std::move(parts.calls));
  ranks.set_device_sums(sums);
  return sums->name();
}

}  // namespace cofactor
