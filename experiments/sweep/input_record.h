// Lists of samples with names, as files, and the differences between two of them in words.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cofactor {

struct RecordedSample {
  std::string part, label;  // "training", "validation" or "test"; the class's name
  uint64_t checksum = 0;    // of its contents
  std::string name;
};

// Writes an RFC 4180 table with the columns part,given_label,checksum,file, whole or not at all. Makes the folder where
// it is missing. Throws Error where it cannot be written.
void write_samples(const std::filesystem::path& path, const std::vector<RecordedSample>& samples);
// Returns nothing where there is no such file or it is damaged.
std::optional<std::vector<RecordedSample>> read_samples(const std::filesystem::path& path);

// "6 of 4,000 labels differ, 1 file has other contents and 2 files are new". A sample is recognised by its name, or by
// its contents where it was moved. Empty where only the order differs.
std::string difference_of(const std::vector<RecordedSample>& before, const std::vector<RecordedSample>& now);

}  // namespace cofactor
