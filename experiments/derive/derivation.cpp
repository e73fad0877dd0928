#include "experiments/derive/derivation.h"

namespace cofactor {

const std::vector<Subject>& subjects() {
  static const std::vector<Subject> all = [] {
    std::vector<Subject> made = loss_subjects();
    for (Subject& subject : layer_subjects()) made.push_back(std::move(subject));
    return made;
  }();
  return all;
}

}  // namespace cofactor
