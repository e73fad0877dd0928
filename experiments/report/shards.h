// Shards: the parts of one sweep that several processes run at the same time (--shard), on one machine or on many. Each
// has its own folder below that of the sweep, so that no two processes write to the same file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// The cells number index - 1, index - 1 + count, index - 1 + 2 count and so on of a sweep, counted from 0.
struct Shard {
  int index = 1;  // from 1
  int count = 1;

  bool has(size_t cell) const;
  // Below the sweep's: "shard2of8".
  std::string folder() const;

  bool operator==(const Shard&) const = default;
};

// "2/8" as --shard takes it. Throws Error, saying what is expected, for anything else.
Shard parse_shard(std::string_view text);

// The folders of shards below that of a sweep, whatever their count, by number. Empty where there are none.
std::vector<std::filesystem::path> shard_folders(const std::filesystem::path& sweep);

// The same paths, where each folder is followed by those of the shards below it. The one whose results were written
// last comes last, since a later result replaces an earlier one of the same run. A folder that has no results of its
// own is left out where it has shards.
std::vector<std::filesystem::path> with_shards(const std::vector<std::filesystem::path>& paths);

}  // namespace cofactor
