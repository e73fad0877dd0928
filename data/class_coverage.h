// How likely a batch has a sample of every class.
#pragma once

#include <cstdint>
#include <vector>

namespace cofactor {

// The probability that `batch` samples, drawn without replacement from classes of these sizes, include every class: to
// about 1e-12, absolutely. 0 where a class is empty or there are fewer samples than classes; 1 where the batch takes
// all samples. Throws Error if there are no classes, or a size or `batch` is negative.
double coverage_probability(const std::vector<int64_t>& class_sizes, int64_t batch);

// The smallest batch, up to rounding, that includes every class with at least this probability, enlarged so that an
// epoch's batches are of about one size: an epoch's short last batch would often lack a class. All samples where a
// class is empty. Throws Error as coverage_probability does, and unless the probability is in (0, 1).
int64_t covering_batch(const std::vector<int64_t>& class_sizes, double probability);

}  // namespace cofactor
