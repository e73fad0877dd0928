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
  // Categories::kMissing, and become the new ones. Returns whether each is confirmed: kept or changed. Throws Error,
  // with the file and the line, if the given label of a decision is not that of the sample any more, or if a label that
  // is missing is to be kept.
  std::vector<uint8_t> apply(std::vector<int32_t>& labels, const std::function<std::string(int64_t)>& name_of);

  // To be called after all data sets. Throws Error if a decision is about a sample that none of them has.
  void check_applied() const;
  // "'reviewed.csv': 3 labels are kept, 2 changed and 1 left out"
  std::string summary() const;

 private:
  enum class Action : uint8_t { keep, change, leave_out };
  struct Decision {
    std::string id, given;
    Action action = Action::keep;
    int32_t label = 0;
    int64_t line = 0;
    bool applied = false;
  };
  ReviewedLabels(std::string name, std::vector<std::string> classes);

  void add(Decision decision);
  bool apply_to(int32_t& label, Decision& decision) const;

  std::string name_;
  std::vector<std::string> classes_;
  std::vector<Decision> decisions_;
  std::unordered_map<std::string, size_t> places_;  // by id
};

}  // namespace cofactor
