#include "engine/distributed/rank_device.h"

#include <algorithm>
#include <string>

#include "engine/device_features.h"

namespace cofactor {

Device choose_device(const std::vector<Device>& devices, int local_rank, int local_size) {
  check(!devices.empty(), "ranks: there is no device to choose from");
  if (devices.size() == 1) return devices.front();
  const std::string_view kind = name_of(devices.front().kind());
  check(static_cast<int>(devices.size()) >= local_size,
        "ranks: this machine has {} ranks and {} {} devices: start at most as many ranks as devices, one for each",
        local_size, devices.size(), kind);
  return devices[static_cast<size_t>(local_rank)];
}

Device device_of_rank(Communicator& ranks, Device any) {
  // Every rank says what it has chosen, or what is wrong, so that none waits for another that has failed.
  constexpr char kWrong = '!', kChosen = '=';
  Device chosen = any;
  std::string said;
  try {
    std::vector<Device> devices = available_devices();
    std::erase_if(devices, [&](Device device) { return device.kind() != any.kind(); });
    if (!devices.empty()) chosen = choose_device(devices, ranks.local_rank(), ranks.local_size());
    said = kChosen + features_of(chosen).unique_id();
  } catch (const Error& error) {
    said = kWrong + std::string(error.what());
  }
  const std::vector<std::string> all = ranks.all_gather_texts(said);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    check(all[rank].front() == kChosen, "rank {}: {}", rank, all[rank].substr(1));
    const std::string id = all[rank].substr(1);
    const auto before = std::find(all.begin(), all.begin() + static_cast<ptrdiff_t>(rank), all[rank]);
    check(id.empty() || before == all.begin() + static_cast<ptrdiff_t>(rank),
          "ranks: rank {} and rank {} would both use {}: start one rank for each device, and let each see its own or "
          "all of its machine",
          before - all.begin(), rank, id);
  }
  return chosen;
}

}  // namespace cofactor
