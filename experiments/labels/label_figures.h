// The figures of the labels' page, as HTML in which all text from outside is escaped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/labels/judged_labels.h"
#include "experiments/training/checkpoint.h"

namespace cofactor {

// As html (experiments/report/html.h), and characters that change the direction or the lines of the text around them
// are shown as \u202E.
std::string page_text(std::string_view text);

// A table with a bar for each class: how many of its labels are wrong, and how many of its samples have another label.
// At most 30 classes, those with the most noise first.
std::string noise_bars(const JudgedLabels& labels, const Verdict& verdict);

// The joint, in numbers of labels, and the transition matrix, in percent, as tables whose cells are shaded by their
// values. With more than 30 classes, a table of the 30 most confused pairs.
std::string noise_matrices(const JudgedLabels& labels, const Verdict& verdict);

// The estimated number of wrong labels by each estimate, as a table.
std::string estimates_table(const JudgedLabels& labels, const Verdict& verdict);

// Validation accuracy and the losses by epoch, as two drawings with a table of their numbers; empty without epochs.
std::string training_curves(const std::vector<EpochMetrics>& history);

}  // namespace cofactor
