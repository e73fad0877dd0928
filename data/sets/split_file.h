// A table that says which images train, validate and test: --split FILE.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_account.h"
#include "data/images/image_list.h"

namespace cofactor {

enum class SplitPart : uint8_t { train, validation, test };

struct SplitRow {
  std::string file;  // relative to the data set's folder
  SplitPart part = SplitPart::train;
  int64_t index = 0;  // the sample's place in an official order; 0 where the table has none
  int64_t line = 0;   // in the file
};

struct SplitFile {
  std::string name;       // for messages
  bool by_index = false;  // whether rows have an index, which decides their order
  std::vector<SplitRow> rows;
};

// Below this index CIFAR-10's batches 1 to 4 lie, which train; batch 5, from it on, validates.
inline constexpr int64_t kFirstValidationIndex = 40'000;
inline constexpr int64_t kMaxIndices = 50'000;

// A table (data/files/csv.h) with a column `file` and one of `split` (train, validation, test; also val and valid, in
// capitals or not) and `index`; with both, `split` decides. Other columns do not count. "./" in a file's path is left
// out. Throws Error, with the file and the line, where it cannot be read or is no such table, for a file that is
// missing or listed twice, for another split, and for an index that is missing, no whole number in [0, kMaxIndices),
// or given twice.
SplitFile read_split_file(const std::filesystem::path& file);
SplitFile parse_split_file(std::string_view text, const std::string& name);

// Images in the order of the split file, and which of them are which part.
struct SplitImages {
  ImageList list;  // those that are listed, by index where there is one and else as they were, then unlisted test ones
  std::vector<int64_t> train, validation, test;  // into list, ascending
};

// Parts `images`, all images of a data set, as the split file says. Those that it does not list test where they lie in
// `test_folder` (relative to the list's root; empty: there is none), and are counted in `account` otherwise. `account`,
// which counts all images as used, is corrected. Throws Error, with the file and the line, where a row names no image
// of the list, or gives an index to one in the test folder, and where nothing is left to train or validate on, or of a
// class.
SplitImages split_images(const ImageList& images, const SplitFile& split, const std::string& test_folder,
                         FileAccount& account);
// Throws Error where none of the images tests.
void check_tests(const SplitImages& images, const SplitFile& split);

}  // namespace cofactor
