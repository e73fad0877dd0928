#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "data/images/broken_images.h"
#include "data/images/image_file_dataset.h"
#include "data/images/scan.h"
#include "data/parallel_for.h"
#include "data/sets/folder_layout.h"
#include "data/sets/image_folder.h"
#include "data/sets/own_forms.h"
#include "data/sets/reviewed_labels.h"
#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kFilesAtOnce = 256;  // that one thread looks for

fs::path folder_of(const fs::path& table) {
  return table.has_parent_path() ? table.parent_path() : fs::path(".");
}

// Uses the first of several rows with the same path. `list` has the labels of the table. Throws Error if they differ.
void leave_repeated_paths_out(TableSamples& samples, const ImageList& list, FileAccount& account) {
  const auto& names = samples.table->categories(TableRole::label).names;
  const auto shown = [&](int32_t label) {
    return label < 0 ? std::string("none") : "'" + legible(names[static_cast<size_t>(label)], 60) + "'";
  };
  const std::vector<RepeatedRow> repeated = repeated_rows(samples);
  for (const auto& [row, first] : repeated) {
    const int32_t label = list.labels[static_cast<size_t>(row)], other = list.labels[static_cast<size_t>(first)];
    if (label != other)
      fail("{}: '{}' is also on line {}, with the label {} there and {} here; give each image one row",
           samples.place(row), printable(list.names[static_cast<size_t>(row)]), samples.table->line(first),
           shown(other), shown(label));
    samples.parts[static_cast<size_t>(row)] = RowPart::none;
  }
  if (!repeated.empty())
    account.ignore("row of an image listed before", "rows of images listed before",
                   list.names[static_cast<size_t>(repeated.front().row)], static_cast<int64_t>(repeated.size()));
}

// Finds the images in --data or beside the table. Those that do not exist are returned.
std::vector<BrokenSample> find_images_of_rows(const OwnDataOptions& options, const fs::path& table,
                                              const TableSamples& samples, ImageList& list, FileAccount& account) {
  list.root = options.data.empty() ? folder_of(table) : options.data;
  list.second_root = folder_of(table);
  enum class Place : uint8_t { root, second, nowhere };
  const std::vector<int64_t> rows = samples.rows_in_use();
  std::vector<Place> places(rows.size());
  const auto count = static_cast<int64_t>(rows.size());
  parallel_for((count + kFilesAtOnce - 1) / kFilesAtOnce, options.threads, [&](int64_t part) {
    for (int64_t i = part * kFilesAtOnce; i < std::min(count, (part + 1) * kFilesAtOnce); ++i) {
      const std::string& name = list.names[static_cast<size_t>(rows[static_cast<size_t>(i)])];
      std::error_code ignored;
      places[static_cast<size_t>(i)] = fs::exists(list.root / name, ignored)          ? Place::root
                                       : fs::exists(list.second_root / name, ignored) ? Place::second
                                                                                      : Place::nowhere;
    }
  });
  std::vector<BrokenSample> missing;
  const auto in_second = std::ranges::count(places, Place::second);
  if (in_second > 0) list.in_second.assign(list.names.size(), false);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string& name = list.names[static_cast<size_t>(rows[i])];
    if (places[i] == Place::second) list.in_second[static_cast<size_t>(rows[i])] = true;
    if (places[i] != Place::nowhere) continue;
    const bool absolute = fs::path(name).is_absolute();
    std::string where;
    if (!absolute) where = fmt::format(" in '{}'", list.root.string());
    if (!absolute && !options.data.empty()) where += fmt::format(", nor in '{}'", list.second_root.string());
    if (name.find('\\') != std::string::npos) {
      where += "; paths have / between folders";
    } else if (!absolute && options.data.empty()) {
      where += ", the table's folder; --data names another";
    }
    missing.push_back({rows[i], fmt::format("the image '{}' does not exist{}", printable(name), where)});
  }
  if (in_second > 0)
    account.note(fmt::format("{}: {} in its own folder, the others in --data", samples.name,
                             counted(in_second, "image is", "images are")));
  return missing;
}

// The images of a table's rows, without the broken ones in the parts of `samples`.
std::shared_ptr<const ImageFileDataset> images_of(const OwnDataOptions& options, const fs::path& table,
                                                  TableSamples& samples, OwnData& data) {
  ImageList list;
  list.classes = samples.classes;
  list.labels = samples.table->categories(TableRole::label).values;
  list.names.reserve(samples.labels.size());
  for (int64_t row = 0; row < samples.rows(); ++row) list.names.push_back(samples.sample_name(row));
  leave_repeated_paths_out(samples, list, data.account);
  list.labels = samples.labels_or_zero();
  std::vector<BrokenSample> broken = find_images_of_rows(options, table, samples, list, data.account);
  std::vector<int64_t> rows = samples.rows_in_use();
  std::erase_if(rows, [&](int64_t row) { return std::ranges::binary_search(broken, row, {}, &BrokenSample::index); });
  SampleContents scanned = scan_images(list, rows, options.threads);
  broken.insert(broken.end(), std::make_move_iterator(scanned.broken.begin()),
                std::make_move_iterator(scanned.broken.end()));
  std::ranges::sort(broken, {}, &BrokenSample::index);
  leave_broken_rows_out(samples, std::move(broken), options.skip_broken, data.broken);
  return std::make_shared<const ImageFileDataset>(std::make_shared<const ImageList>(std::move(list)),
                                                  options.evaluation);
}

// The images of --test in class folders.
Split test_folder_images(const OwnDataOptions& options, OwnData& data) {
  const ImageSearch search{.base = options.test, .out = options.out, .threads = options.threads};
  ImageList list = list_test_images(search, data.classes, options.labels, data.account);
  data.account.use(-list.size());  // counted by the caller, once the broken ones are known
  const auto images =
      std::make_shared<const ImageFileDataset>(std::make_shared<const ImageList>(std::move(list)), options.evaluation);
  const Split whole = make_split(images, 0, images->size());
  std::vector<BrokenSample> broken = scan_images(images->list(), whole.indices, options.threads).broken;
  if (!broken.empty() && !options.skip_broken)
    fail("--test '{}': {}; {} of {} broken, and --skip-broken leaves them out", printable(options.test.string()),
         broken[0].reason, in_thousands(static_cast<int64_t>(broken.size())),
         counted(whole.size(), "image is", "images are"));
  Split intact = without_broken(whole, broken);
  data.broken.insert(data.broken.end(), broken.begin(), broken.end());
  return intact;
}

// The labels of samples, with the decisions about them.
struct ReviewedSet {
  std::vector<int32_t> labels;
  std::vector<uint8_t> confirmed;
};

ReviewedSet review_set(ReviewedLabels& reviewed, const Dataset& images) {
  ReviewedSet set{.labels = images.labels(), .confirmed = {}};
  set.confirmed = reviewed.apply(set.labels, [&](int64_t index) { return images.sample_name(index); });
  return set;
}

// Applies the decisions to a split, and moves samples without a label to `left_out`.
std::vector<uint8_t> review_split(Split& split, const ReviewedSet& set, std::vector<int64_t>& left_out) {
  Split labelled{.data = split.data, .indices = {}, .labels = {}};
  std::vector<uint8_t> confirmed;
  for (const int64_t index : split.indices) {
    const auto place = static_cast<size_t>(index);
    if (set.labels[place] < 0) {
      left_out.push_back(index);
      continue;
    }
    labelled.indices.push_back(index);
    labelled.labels.push_back(set.labels[place]);
    confirmed.push_back(set.confirmed[place]);
  }
  split = std::move(labelled);
  return confirmed;
}

void check_classes_kept(const Split& split, const OwnDataOptions& options, const OwnData& data, const char* part) {
  const std::vector<int64_t> counts = split.class_counts();
  const auto absent = static_cast<size_t>(std::ranges::find(counts, 0) - counts.begin());
  check(absent == counts.size(), "'{}': its decisions leave no {} image of class '{}'",
        printable(options.reviewed.string()), part, absent < counts.size() ? data.classes[absent] : "");
}

void review_class_folders(const OwnDataOptions& options, const ImageFolder& folder, OwnData& data) {
  ReviewedLabels reviewed(options.reviewed, data.classes);
  const ReviewedSet first = review_set(reviewed, *folder.images);
  std::vector<int64_t> left_out, elsewhere;
  data.train_confirmed = review_split(data.train, first, left_out);
  if (folder.validation_images == folder.images) {
    data.validation_confirmed = review_split(data.validation, first, left_out);
  } else {
    data.validation_confirmed =
        review_split(data.validation, review_set(reviewed, *folder.validation_images), elsewhere);
  }
  if (data.test.data == folder.images) {
    data.test_confirmed = review_split(data.test, first, left_out);
  } else {
    data.test_confirmed.assign(data.test.indices.size(), 1);  // the labels of a test folder are right
  }
  reviewed.check_applied();
  check_classes_kept(data.train, options, data, "training");
  check_classes_kept(data.validation, options, data, "validation");
  std::ranges::sort(left_out);
  data.unlabelled.indices = std::move(left_out);
  data.unlabelled.labels.assign(data.unlabelled.indices.size(), 0);
  data.account.note(reviewed.summary());
  if (!elsewhere.empty())
    data.account.note(fmt::format("{} of the validation folder without a label from now on and not predicted",
                                  counted(static_cast<int64_t>(elsewhere.size()), "image is", "images are")));
}

}  // namespace

void load_table_images(const OwnDataOptions& options, TableSamples& samples, OwnData& data) {
  const auto images = images_of(options, options.labels, samples, data);
  check_classes_present(samples, data.broken);
  set_splits(options, samples, images, data);
  data.train.data = images->with_transform(options.training);
  check(data.train.data->sample_shape() == images->sample_shape(),
        "images: training images have shape {}, but those of validation and test {}", data.train.data->sample_shape(),
        images->sample_shape());
  if (options.test.empty()) return;
  std::error_code ignored;
  if (fs::is_directory(options.test, ignored)) {
    data.test = test_folder_images(options, data);
    return;
  }
  TableSamples test = read_test_table(options, data.classes, data.account);
  data.test = split_of(test, RowPart::test, images_of(options, options.test, test, data));
}

OwnData load_class_folders(const OwnDataOptions& options) {
  const ImageFolder folder = load_image_folder(options.data, {.training = options.training,
                                                              .evaluation = options.evaluation,
                                                              .test = options.test,
                                                              .split = options.split,
                                                              .out = options.out,
                                                              .split_seed = options.split_seed,
                                                              .skip_broken = options.skip_broken,
                                                              .threads = options.threads});
  check(!options.clean_test || folder.clean_test || !options.split.empty(),
        "--clean-test: neither a test folder nor --split says which images are for test, and images that are dealt at "
        "random are not cleaner than others");
  OwnData data;
  data.classes = folder.classes;
  data.train = folder.train;
  data.validation = folder.validation;
  data.test = folder.test;
  data.unlabelled.data = data.unaugmented = folder.images;
  data.clean_test = folder.clean_test || options.clean_test;
  data.account = folder.account;
  data.broken = folder.broken;
  if (!options.reviewed.empty()) review_class_folders(options, folder, data);
  return data;
}

}  // namespace cofactor
