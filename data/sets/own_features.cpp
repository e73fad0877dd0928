#include <utility>

#include "data/sets/own_forms.h"
#include "engine/error.h"

namespace cofactor {

void check_feature_rows(const OwnDataOptions& options, const TableSamples& samples) {
  const std::shared_ptr<const NpyArray> features = open_features(options.features);
  check(features->rows() == samples.rows(), "{}: {}, but {} has {} of features", samples.name,
        counted(samples.rows(), "label", "labels"), features->name(), counted(features->rows(), "row", "rows"));
}

void load_table_features(const OwnDataOptions& options, TableSamples& samples, OwnData& data) {
  const std::shared_ptr<const NpyArray> features = open_features(options.features);
  data.scaling = measure_scaling(*features, samples.rows_of(RowPart::train));
  const auto dataset =
      std::make_shared<const FeatureArray>(features, *data.scaling, samples.labels_or_zero(),
                                           static_cast<int64_t>(samples.classes.size()), samples.sample_name);
  leave_broken_rows_out(samples, dataset->contents(samples.rows_in_use(), options.threads).broken, options.skip_broken,
                        data.broken);
  check_classes_present(samples, data.broken);
  set_splits(options, samples, dataset, data);
}

}  // namespace cofactor
