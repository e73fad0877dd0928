// What a person has decided about labels: reads the decisions, and applies them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/dataset.h"

namespace cofactor {

enum class Decision : uint8_t { keep, change, leave_out };
// "keep", "change", "leave_out".
std::string_view name_of(Decision decision);

struct ReviewedLabel {
  std::string id;     // as the table has it
  std::string given;  // the label that the person saw; empty: none
  Decision decision = Decision::keep;
  std::string label;  // the right label: `given` for keep, empty for leave_out
  int64_t line = 0;   // of the table, from 1
};

// A CSV table with the columns id (a sample's name), given_label (that the decision is about), decision and label:
//   keep       the given label is right (the column `label` is not read);
//   change     the right label is `label`, which is one of the classes;
//   leave_out  none is: the sample has no label.
class ReviewedLabels {
 public:
  // Throws Error, with the file and the line, if the file cannot be read or is not such a table, an id is missing or is
  // there twice, a decision has another name, or a label to change to is no class: decisions add no class.
  ReviewedLabels(const std::filesystem::path& file, const std::vector<std::string>& classes);
  static ReviewedLabels parse(std::string_view text, const std::string& name, const std::vector<std::string>& classes);

  // Applies the decisions about the samples of a data set. `labels` are their given ones, indices of the classes or
  // Categories::kMissing, and become the new ones. Names that are not UTF-8 are compared as tables have them
  // (printable, engine/io/utf8.h). Returns whether each is confirmed: kept or changed. Throws Error, with the file and
  // the line, if the label of a sample is neither the given label of the decision nor the one that was decided on,
  // which it is where the data was corrected too; and if a label that is missing is to be kept.
  std::vector<uint8_t> apply(std::vector<int32_t>& labels, const std::function<std::string(int64_t)>& name_of);

  // To be called after all data sets. Throws Error if a decision is about a sample that none of them has.
  void check_applied() const;
  const std::vector<ReviewedLabel>& decisions() const { return decisions_; }
  // "'reviewed.csv': 3 labels are kept, 2 changed and 1 left out"
  std::string summary() const;

 private:
  ReviewedLabels(std::string name, std::vector<std::string> classes);

  void add(ReviewedLabel decision);
  bool apply_to(int32_t& label, const ReviewedLabel& decision) const;

  std::string name_;
  std::vector<std::string> classes_;
  std::vector<ReviewedLabel> decisions_;
  std::vector<uint8_t> applied_;                    // of each
  std::unordered_map<std::string, size_t> places_;  // by id
};

}  // namespace cofactor
