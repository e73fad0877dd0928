// The files that say of every sample what is found of its label. docs/your_labels.md describes them for users.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "experiments/labels/judged_labels.h"

namespace cofactor {

inline constexpr std::string_view kLabelsFile = "labels.csv", kSuspectsFile = "suspects.csv",
                                  kProbabilitiesFile = "probabilities.npy", kJointFile = "joint.csv",
                                  kTransitionFile = "transition.csv";

// An id as the files have it: unchanged, or as printable (engine/io/utf8.h) if it is not UTF-8, so that tables are.
std::string written_id(std::string_view id);

// Writes the five files into a folder, each whole or not at all. Tables are RFC 4180 with a line feed at each end:
//   labels.csv, suspects.csv
//     id,given_label,predicted_label,given_probability,predicted_probability,quality,suspect,fold
//     All samples in the input's order; and the suspects alone, the lowest quality first, in the input's order among
//     equals. Numbers have 6 significant digits. Where the label is missing, given_label, given_probability and quality
//     are empty and suspect is "no".
//   probabilities.npy    (N, C) f4: columns in the order of the classes
//   joint.csv            given \ true,<class>,...   Pr[given label, true class]
//   transition.csv       true \ given,<class>,...   Pr[given label | true class]
// Values are written as they are, also where a spreadsheet would take them for a formula (= + - @ at the beginning):
// ids and classes have to be those of the data for whatever reads the tables. Memory beside the arguments is that of
// the order of the suspects. Throws Error as AtomicFile does, and where the verdict is not of these labels.
void write_label_files(const std::filesystem::path& folder, const JudgedLabels& labels, const Verdict& verdict);

// The suspects, the lowest quality first, in the input's order among equals.
std::vector<int64_t> suspects_by_quality(const Verdict& verdict);

}  // namespace cofactor
