// A person's own samples, with labels that may be wrong: images, texts or features, from class folders or a table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/files/file_account.h"
#include "data/images/image_transform.h"
#include "data/sets/feature_array.h"
#include "data/text/vocabulary.h"

namespace cofactor {

enum class SampleKind : uint8_t { images, text, features };

// "images", "text" or "features".
std::string_view name_of(SampleKind kind);

// Columns are given by their name, in any case, or their number, from 1; empty: a usual name (label_table.h).
struct OwnDataOptions {
  SampleKind kind = SampleKind::images;
  // Images: the folder of class folders, or with a table the folder that its paths are relative to, beside the table's.
  std::filesystem::path data{};
  // A table (label_table.h) with a row per sample; for features also an array .npy (N) of whole numbers, of which -1 is
  // a missing label. Empty: class folders.
  std::filesystem::path labels{};
  std::filesystem::path features{};  // an array .npy (N, D), its rows in the order of the labels
  std::string path_column{}, text_column{}, label_column{}, id_column{}, group_column{};
  std::optional<bool> header{};  // whether the table's first row has the names of columns; none: it is found out
  // A column of the table, or if it has none of this name a file: for class folders the table of split_file.h,
  // otherwise a table with a column "split", and the samples' names in a column "id", "file" or "path".
  std::string split{};
  // Test samples with correct labels: for images a folder of class folders; or a table like `labels`, with images or
  // texts.
  std::filesystem::path test{};
  bool clean_test = false;           // the labels of the samples that the split is test for are right
  std::filesystem::path reviewed{};  // decisions about labels (reviewed_labels.h); empty: none
  std::filesystem::path out{};       // where the caller writes, which is never searched for images
  uint64_t split_seed = 0;
  bool skip_broken = false;  // leave broken samples out; otherwise they are an Error
  int threads = 1;
  ImageTransform training{}, evaluation{};  // of images; evaluation: for all parts but the one for training
  int64_t min_length = 5;                   // of texts, in words
  std::optional<int64_t> max_length{};      // likewise; only the first words of longer texts are used
};

// The most that the length of texts is by default, in words. It is less where the word indices of all rows would take
// more than 128 MiB and more than 4 bytes per byte of text.
inline constexpr int64_t kMaxDefaultWords = 500;

// The most classes that there can be. Labels of more are most likely a wrong column, such as ids: matrices of
// (classes, classes) would take gigabytes, and to find an assignment of the classes, hours.
inline constexpr int64_t kMaxOwnClasses = 5000;

// A sample's name (Dataset::sample_name) is the path as the folder or the table has it; of texts and features the value
// in the column of ids, or else the number of the row, from 1.
struct OwnData {
  SampleKind kind = SampleKind::images;
  std::vector<std::string> classes;
  // `train` reads images with the training transform. `test` is of another data set if there is a set of test samples,
  // and for class folders `validation` can be, too. `unlabelled` has the samples without a label, or whose label was
  // left out by a decision; their labels here are 0 and mean nothing. Labels that decisions change are changed in the
  // splits; the data sets of class folders keep the old ones.
  Split train, validation, test, unlabelled;
  // The samples of `train`, with the same indices, as evaluation reads them.
  std::shared_ptr<const Dataset> unaugmented;
  bool clean_test = false;                               // whether the labels of all of `test` are right
  std::vector<int32_t> train_groups, validation_groups;  // of each sample; empty if there are no groups
  // Whether a person has decided about each label, to keep or to change it; empty if there are no decisions. The labels
  // of a set of test samples count as such.
  std::vector<uint8_t> train_confirmed, validation_confirmed, test_confirmed;
  std::optional<Vocabulary> vocabulary;   // of texts: the words of the texts for training
  int64_t length = 0;                     // of texts, in words
  std::optional<FeatureScaling> scaling;  // of features: measured on the samples for training
  FileAccount account;                    // of all samples and files, with notes
  // Left out by skip_broken: those of the data set of `train`, then those of other data sets. The reason begins with
  // the table's file and line, where there is a table.
  std::vector<BrokenSample> broken;
};

// The classes: those of the class folders (image_folder.h), otherwise the distinct labels of all rows, sorted as
// Categories are. Throws Error as load_own_data does for what it reads: of folders only names, of others the labels.
std::vector<std::string> own_classes(const OwnDataOptions& options);

// Reads the samples and splits them.
//
// Class folders are read as load_image_folder does. Of a table:
// - A row without a label is `unlabelled`, whatever its split. A row with a label and an empty split is for training.
// - The split is one of train, validation (val, valid) and test, in any case. Rows that a file with splits does not
//   name are ignored. A column that was not asked for, and none of whose values is a split, is no split.
// - If no row is for validation, a fifth of the rows for training is dealt to it, and if none is for test and there are
//   no test samples, a tenth is: of each class, in the order of random_permutation({split_seed, Purpose::split}, N), at
//   least one. With groups, whole groups are dealt, so that each class's shares come as near to these as they can; rows
//   without a group are groups of their own.
// - Rows are dealt by the labels of the table, before decisions are applied, and whether or not they are broken, so
//   that neither changes the parts of other rows.
// - A path that two rows have with the same label counts once.
// Broken samples are images that do not exist or cannot be decoded, texts without a word (sentences.h), and rows of
// features with NaN, infinity, or a value that overflows once it is scaled.
//
// Throws Error, with the file, the line and the value: if the table, the array or the images cannot be read; if the
// numbers of labels and of rows of features differ; if there are fewer than two classes or more than kMaxOwnClasses; if
// a class has too few rows to be dealt, or none for training or validation; if two rows have the same id, or the same
// path and other labels; if a row's split, or the sample that a file with splits names, does not exist; if test samples
// have a class that no row has; if samples are broken and skip_broken is not set; if decisions do not fit the data
// (reviewed_labels.h); and if options contradict each other.
OwnData load_own_data(const OwnDataOptions& options);

}  // namespace cofactor
