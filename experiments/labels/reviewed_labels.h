// What a person has decided about labels: the table that report.html saves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

enum class Decision : uint8_t {
  keep,       // the label is right
  change,     // the right label is another one
  leave_out,  // no label is right: the sample is predicted, and never trained on
};
// "keep", "change", "leave_out".
std::string_view name_of(Decision decision);

struct ReviewedLabel {
  std::string id;
  int32_t given = 0;  // the label that the person saw
  Decision decision = Decision::keep;
  int32_t label = 0;  // the right label: `given` for keep, kMissingLabel for leave_out
  int64_t line = 0;   // of the table, from 1, for messages

  bool operator==(const ReviewedLabel&) const = default;
};

// Reads a CSV table with the columns id, given_label, decision and label; others are ignored. `label` counts for change
// alone. Throws Error, with the file, the line and the value, where the file cannot be read or lacks a column; for a
// label that is not one of `classes`, an unknown decision, and an id that is empty or decided twice.
std::vector<ReviewedLabel> read_reviewed_labels(const std::filesystem::path& file,
                                                const std::vector<std::string>& classes);

struct ReviewedSamples {
  std::vector<int32_t> labels;  // (N), after the decisions
  std::vector<uint8_t> kept;    // (N), 1 where a person has confirmed the label or set it
};
// Applies decisions to samples with these ids and labels (N). Ids are compared as files have them (written_id). A
// sample whose label is already the one decided on, which happens if the data was corrected too, is as decided. Throws
// Error, with the file and the line, for an id that no sample or more than one sample has, and where a sample has
// neither the label that the person saw nor the one decided on: the data has changed since.
ReviewedSamples apply_reviewed_labels(const std::filesystem::path& file, const std::vector<ReviewedLabel>& reviewed,
                                      const std::vector<std::string>& ids, const std::vector<int32_t>& given,
                                      const std::vector<std::string>& classes);

}  // namespace cofactor
