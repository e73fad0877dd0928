#include "data/sets/own_data.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "data/sets/image_folder.h"
#include "data/sets/own_forms.h"
#include "data/sets/table_samples.h"
#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

bool has_class_folders(const OwnDataOptions& options) {
  return options.kind == SampleKind::images && options.labels.empty();
}

void check_options(const OwnDataOptions& options) {
  const bool text = options.kind == SampleKind::text, features = options.kind == SampleKind::features;
  check(!options.labels.empty() || !text, "--labels: name the table of texts and labels");
  check(!options.labels.empty() || !features, "--labels: name the table or the array with the labels of --features");
  check(!features || !options.features.empty(), "--features: name the array of features");
  check(features || options.features.empty(), "--features '{}': the samples are {}",
        printable(options.features.string()), nouns_of(options.kind));
  check(!options.data.empty() || !has_class_folders(options),
        "--data: name the folder of the images, or --labels a table");
  std::error_code ignored;
  check(has_class_folders(options) || options.data.empty() || std::filesystem::is_directory(options.data, ignored),
        "--data '{}': there is no such folder", printable(options.data.string()));
  check(!has_class_folders(options) || !std::filesystem::is_regular_file(options.test, ignored),
        "--test '{}': a file; like the images of --data, those for test are in class folders",
        printable(options.test.string()));
  check(options.kind != SampleKind::images || options.id_column.empty(),
        "--id-column '{}': images are known by their paths", printable(options.id_column));
  check(!features || options.test.empty(), "--test '{}': samples for test are rows of --features, given by the split",
        printable(options.test.string()));
  if (has_class_folders(options))
    check(options.group_column.empty() && options.path_column.empty() && options.label_column.empty(),
          "--labels: name the table that has the columns; images in class folders have none");
}

}  // namespace

std::string_view name_of(SampleKind kind) {
  switch (kind) {
    case SampleKind::images: return "images";
    case SampleKind::text: return "text";
    case SampleKind::features: return "features";
  }
  return "?";
}

Split split_of(const TableSamples& samples, RowPart part, const std::shared_ptr<const Dataset>& dataset) {
  Split split{.data = dataset, .indices = samples.rows_of(part), .labels = {}};
  split.labels.reserve(split.indices.size());
  for (const int64_t row : split.indices) split.labels.push_back(std::max(samples.labels[static_cast<size_t>(row)], 0));
  return split;
}

void set_splits(const OwnDataOptions& options, const TableSamples& samples,
                const std::shared_ptr<const Dataset>& dataset, OwnData& data) {
  data.unaugmented = dataset;
  data.train = split_of(samples, RowPart::train, dataset);
  data.validation = split_of(samples, RowPart::validation, dataset);
  data.unlabelled = split_of(samples, RowPart::unlabelled, dataset);
  if (options.test.empty()) data.test = split_of(samples, RowPart::test, dataset);
}

namespace {

// The values of a part's rows.
template <class Value>
std::vector<Value> values_of(const std::vector<Value>& values, const Split& split) {
  std::vector<Value> of_split;
  if (!values.empty())
    for (const int64_t row : split.indices) of_split.push_back(values[static_cast<size_t>(row)]);
  return of_split;
}

void check_test_given_once(const OwnDataOptions& options, const TableSamples& samples) {
  check(!options.clean_test || samples.split_test || !options.test.empty(),
        "--clean-test: no row of {} has the split test, and rows that are dealt at random are not cleaner than others",
        samples.name);
  if (options.test.empty() || !samples.split_test) return;
  const auto row = std::ranges::find(samples.parts, RowPart::test) - samples.parts.begin();
  fail("{}: the split is test, but --test '{}' names the test samples; give only one of the two", samples.place(row),
       printable(options.test.string()));
}

OwnData load_table(const OwnDataOptions& options) {
  OwnData data;
  data.kind = options.kind;
  data.account = FileAccount(noun_of(options.kind), nouns_of(options.kind));
  TableSamples samples = read_table_samples(options, data.account);
  data.classes = samples.classes;
  check_test_given_once(options, samples);
  data.clean_test = options.clean_test || !options.test.empty();
  if (options.kind == SampleKind::features) check_feature_rows(options, samples);
  deal_rows(samples, options.test.empty(), options.split_seed, data.account);
  const std::vector<uint8_t> confirmed = review_rows(samples, options, data.account);
  switch (options.kind) {
    case SampleKind::images: load_table_images(options, samples, data); break;
    case SampleKind::text: load_table_texts(options, samples, data); break;
    case SampleKind::features: load_table_features(options, samples, data); break;
  }
  check(data.test.size() > 0, "{}: none of the {} is for test", samples.name, nouns_of(options.kind));
  data.train_groups = values_of(samples.groups, data.train);
  data.validation_groups = values_of(samples.groups, data.validation);
  data.train_confirmed = values_of(confirmed, data.train);
  data.validation_confirmed = values_of(confirmed, data.validation);
  if (!confirmed.empty())
    data.test_confirmed =
        options.test.empty() ? values_of(confirmed, data.test) : std::vector<uint8_t>(data.test.indices.size(), 1);
  data.account.use(static_cast<int64_t>(samples.rows_in_use().size()) + (options.test.empty() ? 0 : data.test.size()));
  return data;
}

}  // namespace

std::vector<std::string> own_classes(const OwnDataOptions& options) {
  check_options(options);
  if (!has_class_folders(options)) return read_table_classes(options);
  std::vector<std::string> classes = image_folder_classes(options.data, options.out);
  check(std::ssize(classes) <= kMaxOwnClasses, "--data '{}': {} class folders, expected at most {}",
        printable(options.data.string()), in_thousands(std::ssize(classes)), in_thousands(kMaxOwnClasses));
  return classes;
}

OwnData load_own_data(const OwnDataOptions& options) {
  check_options(options);
  return has_class_folders(options) ? load_class_folders(options) : load_table(options);
}

}  // namespace cofactor
