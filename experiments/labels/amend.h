// Training data without its suspects, or with other labels for them.
#pragma once

#include "experiments/labels/judged_labels.h"
#include "experiments/labels/label_report.h"
#include "experiments/training/phase.h"

namespace cofactor {

enum class Amendment : uint8_t { drop_suspects, relabel };

// The training and validation samples without the suspects, or with the labels that are suggested for them
// (Verdict::suggested). `judged` and `verdict` are of the same samples with the same labels.
NoisyData amended(const NoisyData& given, const RunLabels& judged, const Verdict& verdict, Amendment amendment);

}  // namespace cofactor
