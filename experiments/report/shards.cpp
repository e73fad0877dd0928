#include "experiments/report/shards.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "engine/error.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxShards = 10'000;
constexpr std::string_view kShardPrefix = "shard", kShardOf = "of";

// Two whole numbers from 1 on with `between` between them and nothing else, the first no larger than the second.
std::optional<Shard> shard_in(std::string_view text, std::string_view between) {
  const auto number = [](std::string_view digits, int& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() && value >= 1 && value <= kMaxShards;
  };
  const size_t middle = text.find(between);
  Shard shard;
  if (middle == std::string_view::npos || !number(text.substr(0, middle), shard.index) ||
      !number(text.substr(middle + between.size()), shard.count) || shard.index > shard.count)
    return std::nullopt;
  return shard;
}

std::optional<Shard> shard_of_folder(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kShardPrefix)) return std::nullopt;
  const auto shard = shard_in(std::string_view(name).substr(kShardPrefix.size()), kShardOf);
  return shard && shard->folder() == name ? shard : std::nullopt;
}

// When a folder's results were last written; none where it has none.
std::optional<fs::file_time_type> written(const fs::path& folder) {
  std::error_code absent;
  const fs::file_time_type time = fs::last_write_time(folder / "results.jsonl", absent);
  return absent ? std::nullopt : std::optional(time);
}

}  // namespace

bool Shard::has(size_t cell) const {
  return cell % static_cast<size_t>(count) == static_cast<size_t>(index - 1);
}

std::string Shard::folder() const {
  return fmt::format("{}{}{}{}", kShardPrefix, index, kShardOf, count);
}

Shard parse_shard(std::string_view text) {
  const auto shard = shard_in(text, "/");
  check(shard.has_value(), "expected I/N, the number of this shard and that of all, 1 <= I <= N <= {}, such as 3/16",
        kMaxShards);
  return *shard;
}

std::vector<fs::path> shard_folders(const fs::path& sweep) {
  std::vector<std::pair<Shard, fs::path>> found;
  std::error_code unreadable;  // or not there: then it has none
  for (fs::directory_iterator entry(sweep, unreadable), end; !unreadable && entry != end; entry.increment(unreadable)) {
    std::error_code ignored;
    if (!entry->is_directory(ignored)) continue;
    if (const auto shard = shard_of_folder(entry->path())) found.emplace_back(*shard, entry->path());
  }
  std::ranges::sort(found, {}, [](const auto& one) { return std::pair(one.first.count, one.first.index); });
  std::vector<fs::path> folders;
  for (auto& [shard, path] : found) folders.push_back(std::move(path));
  return folders;
}

std::vector<fs::path> with_shards(const std::vector<fs::path>& paths) {
  std::vector<fs::path> all;
  for (const fs::path& path : paths) {
    std::vector<std::pair<fs::file_time_type, fs::path>> folders;
    const auto add = [&](const fs::path& folder) {
      folders.emplace_back(written(folder).value_or(fs::file_time_type::min()), folder);
    };
    const std::vector<fs::path> shards = shard_folders(path);
    if (shards.empty() || written(path)) add(path);
    std::ranges::for_each(shards, add);
    std::ranges::stable_sort(folders, {}, &std::pair<fs::file_time_type, fs::path>::first);
    for (auto& [time, folder] : folders) all.push_back(std::move(folder));
  }
  return all;
}

}  // namespace cofactor
