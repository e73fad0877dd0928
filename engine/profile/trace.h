// A recording as a trace for Chrome's and Perfetto's viewers.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "engine/profile/recorder.h"

namespace cofactor {

// The beginning of every trace's text, by which a file is known as one.
inline constexpr std::string_view kTraceBegins = R"({"traceEvents":)";

// The Trace Event Format (https://perfetto.dev/docs/getting-started/other-formats#chrome-json-format): an object with
// the list `traceEvents`, complete events ("ph": "X") with times in microseconds, and metadata that names the threads.
// Kernels that ran beside the host are also on a track of the device's. `about` becomes `otherData`, which viewers show
// as information on the trace.
nlohmann::ordered_json trace_of(const std::vector<ProfileEvent>& events, const nlohmann::ordered_json& about);

}  // namespace cofactor
