// Reads a table that says which images are for training, validation and test: --split FILE.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_account.h"
#include "data/images/image_list.h"

namespace cofactor {

enum class SplitPart : uint8_t { train, validation, test };

// The part that a table means by train, validation, val, valid or test, in any case; nothing for other texts.
std::optional<SplitPart> split_part_named(std::string_view text);

struct SplitRow {
  std::string file;  // relative to the data set's folder
  SplitPart part = SplitPart::train;
  int64_t index = 0;  // the sample's position in an official order; 0 if the table has none
  int64_t line = 0;   // of the file, from 1
};

struct SplitFile {
  std::string name;       // of the table, for messages
  bool by_index = false;  // whether rows have an index, which decides their part and their order
  std::vector<SplitRow> rows;
};

// In CIFAR-10's official order the images below this index (batches 1 to 4) are for training, and the others (batch 5)
// for validation.
inline constexpr int64_t kFirstValidationIndex = 40'000;
inline constexpr int64_t kMaxIndices = 50'000;

// Reads a CSV table (csv.h) with a column `file` and a column `split` (train, validation, val, valid or test, in any
// case) or `index`; `split` decides if there are both. Other columns are ignored, and paths are normalised ("./" is
// removed). Throws Error, with the file and the line, if the file cannot be read or is not such a table; if a file is
// missing or listed twice; if a split has another name; and if an index is missing, given twice, or not a whole number
// in [0, kMaxIndices).
SplitFile read_split_file(const std::filesystem::path& file);
SplitFile parse_split_file(std::string_view text, const std::string& name);

// The images of a data set that are used, and their parts.
struct SplitImages {
  ImageList
      list;  // the images that are listed, in the order of their indices or of `images`; then unlisted test images
  std::vector<int64_t> train, validation, test;  // indices into `list`, ascending
};

// Splits `images`, which are all images of a data set, according to the table. Images that it does not list are for
// test if they are in `test_folder` (relative to the root of the list; empty: there is none), and ignored otherwise.
// `account`, which counts all images as used, is corrected. Throws Error, with the file and the line, if a row names no
// image of the list or gives an index to one in the test folder, and if no image, or none of a class, is left for
// training or validation.
SplitImages split_images(const ImageList& images, const SplitFile& split, const std::string& test_folder,
                         FileAccount& account);
// Throws Error if no image is for test.
void check_has_test(const SplitImages& images, const SplitFile& split);

}  // namespace cofactor
