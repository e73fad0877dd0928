#include "data/images/scan.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "data/checksum.h"
#include "data/files/content_cache.h"
#include "data/images/decode.h"
#include "data/parallel_for.h"
#include "engine/io/file.h"

namespace cofactor {

namespace {

constexpr int64_t kScanChunk = 1024;  // files between two reports of progress
constexpr auto kSaveEvery = std::chrono::seconds(60);

struct ScannedImage {
  uint64_t checksum = 0;
  uint64_t stamp = 0;  // FileStamp::contents
};

// Throws Error if the file cannot be read or decoded, or changes meanwhile.
ScannedImage scan_image(const std::filesystem::path& path, const std::string& name, ContentCache& cache) {
  const auto before = stamp_of(path);
  if (before) {
    if (const auto known = cache.find(name, *before)) return {*known, before->contents};
  } else {
    std::error_code ignored;
    check(!std::filesystem::is_other(path, ignored), "image: '{}' is not a regular file", path.string());
  }
  const std::string bytes = read_file(path);
  decode_image(bytes, path);
  const uint64_t checksum = checksum_of(bytes);
  const auto after = stamp_of(path);
  check(before && after && before->value == after->value, "image: '{}' changed while it was being read", path.string());
  cache.store(name, *after, checksum);
  return {checksum, after->contents};
}

}  // namespace

SampleContents scan_images(const ImageList& list, const std::vector<int64_t>& indices, int threads,
                           std::vector<uint64_t>* stamps) {
  using Clock = std::chrono::steady_clock;
  const auto count = static_cast<int64_t>(indices.size());
  ContentCache& cache = content_cache_of(list.root);
  SampleContents found{.checksums = std::vector<uint64_t>(indices.size()), .broken = {}};
  std::vector<std::string> reasons(indices.size());
  auto saved = Clock::now();
  for (int64_t begin = 0; begin < count; begin += kScanChunk) {
    parallel_for(std::min(kScanChunk, count - begin), threads, [&](int64_t i) {
      const auto place = static_cast<size_t>(begin + i);
      const auto file = static_cast<size_t>(indices[place]);
      try {
        const auto [checksum, stamp] = scan_image(list.path(indices[place]), list.names.at(file), cache);
        found.checksums[place] = checksum;
        if (stamps != nullptr) stamps->at(file) = stamp;
      } catch (const Error& error) {
        reasons[place] = error.what();
      }
    });
    if (scan_setup().progress) scan_setup().progress(std::min(begin + kScanChunk, count), count);
    if (Clock::now() - saved < kSaveEvery) continue;
    cache.save();
    saved = Clock::now();
  }
  cache.save();
  for (size_t i = 0; i < reasons.size(); ++i)
    if (!reasons[i].empty()) found.broken.push_back({indices[i], std::move(reasons[i])});
  return found;
}

}  // namespace cofactor
