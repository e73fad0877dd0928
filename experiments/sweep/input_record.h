// A list of samples with names, as a file, and what differs between two such lists.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cofactor {

struct RecordedSample {
  std::string part, label;  // "training", "validation" or "test"; the class's name
  uint64_t checksum = 0;    // of what it holds
  std::string name;
};

// A table as RFC 4180 has it: part,given_label,checksum,file. Whole or not at all; the folder is made where it is
// missing. Throws Error where it cannot be written.
void write_samples(const std::filesystem::path& path, const std::vector<RecordedSample>& samples);
// Nothing where there is no such file, or where it is damaged.
std::optional<std::vector<RecordedSample>> read_samples(const std::filesystem::path& path);

// "6 of 4,000 labels differ, 1 file has other contents and 2 files are new". A sample is known again by its name, or by
// its contents where it was moved. Training, validation and test are the parts; empty where nothing but the order
// differs.
std::string difference_of(const std::vector<RecordedSample>& before, const std::vector<RecordedSample>& now);

}  // namespace cofactor
