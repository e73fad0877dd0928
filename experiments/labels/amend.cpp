#include "experiments/labels/amend.h"

#include <unordered_map>

#include "engine/error.h"

namespace cofactor {
namespace {

Split amended_part(const Split& split, SamplePart part, const RunLabels& judged, const Verdict& verdict,
                   Amendment amendment) {
  std::unordered_map<int64_t, size_t> place_of;  // in `judged`, by the index in the data set
  for (size_t i = 0; i < judged.samples.size(); ++i)
    if (judged.labels.part[i] == part) place_of.emplace(judged.samples[i].index, i);
  Split amended{split.data, {}, {}};
  for (size_t i = 0; i < split.indices.size(); ++i) {
    const auto found = place_of.find(split.indices[i]);
    check(found != place_of.end(), "amend: sample {} of the {} part was not judged", split.indices[i], name_of(part));
    const bool suspect = verdict.suspect[found->second] != 0;
    if (suspect && amendment == Amendment::drop_suspects) continue;
    amended.indices.push_back(split.indices[i]);
    amended.labels.push_back(suspect ? verdict.suggested[found->second] : split.labels[i]);
  }
  return amended;
}

}  // namespace

NoisyData amended(const NoisyData& given, const RunLabels& judged, const Verdict& verdict, Amendment amendment) {
  return {amended_part(given.train, SamplePart::training, judged, verdict, amendment),
          amended_part(given.validation, SamplePart::validation, judged, verdict, amendment)};
}

}  // namespace cofactor
