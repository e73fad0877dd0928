// The parts of own_data.h for each form of samples.
#pragma once

#include <memory>

#include "data/sets/own_data.h"
#include "data/sets/table_samples.h"

namespace cofactor {

// Fills `data` with the rows of a table, whose parts are dealt and whose labels are reviewed: the splits,
// `unaugmented`, what belongs to the form, and what is broken.
void load_table_images(const OwnDataOptions& options, TableSamples& samples, OwnData& data);
void load_table_texts(const OwnDataOptions& options, TableSamples& samples, OwnData& data);
// Throws Error if the array of features has not a row for each sample.
void check_feature_rows(const OwnDataOptions& options, const TableSamples& samples);
void load_table_features(const OwnDataOptions& options, TableSamples& samples, OwnData& data);

// Images in class folders, with the decisions about them.
OwnData load_class_folders(const OwnDataOptions& options);

// The rows of a part, with the labels that they have now.
Split split_of(const TableSamples& samples, RowPart part, const std::shared_ptr<const Dataset>& dataset);
// Sets `unaugmented` and all splits, all of one data set, but leaves `test` where there are other test samples.
void set_splits(const OwnDataOptions& options, const TableSamples& samples,
                const std::shared_ptr<const Dataset>& dataset, OwnData& data);

}  // namespace cofactor
