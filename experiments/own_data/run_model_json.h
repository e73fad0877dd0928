// The text of model.json.
#pragma once

#include <string>
#include <string_view>

#include "experiments/own_data/run_model.h"

namespace cofactor {

// On one line, with a line feed. The vocabulary and the scaling, which are in files of their own, are there by their
// checksums.
std::string run_model_json(const RunModel& model);

// The kind of samples that a text of model.json is for. Throws Error if it is not such a text, or of a newer format.
SampleKind run_model_kind(std::string_view json);

// Parses it. `beside` has the vocabulary or the scaling, as its kind needs. Throws Error as run_model_kind does, and if
// a value is missing, of another type or out of range, or if the checksum of the vocabulary or the scaling is another.
RunModel run_model_from(std::string_view json, const RunModel& beside);

}  // namespace cofactor
