// What predict is asked to predict: image files, texts and features, as samples of the network.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "experiments/own_data/run_model.h"

namespace cofactor {

struct InputChoice {
  // An image file; a folder of images, at any depth; a table (label_table.h) of paths or texts; an array of features
  // (npy.h); a text file (.txt) or a pipe with a path or a text on each line; or "-", such lines of standard input.
  std::filesystem::path data;
  // Of a table: names or numbers of columns; empty: the usual names of paths and texts, no ids, no labels.
  std::string path_column{}, text_column{}, id_column{}, label_column{};
  std::optional<bool> header{};  // of a table of CSV or TSV: whether its first row has names; none: by its content
  // Lines are read to the end before the first prediction, so that their number is known.
  bool count_lines = false;
  int threads = 1;  // that look for images in a folder
};

struct PredictionInputs {
  // The number of samples; nothing where lines are read as they come.
  std::optional<int64_t> size{};
  // The next samples, in the order of the input; null at the end. `most`, the size of a batch, is how many lines of
  // text are waited for; other inputs come at once. Each sample has a name: the path as given, the value of the id
  // column, or the number of the row or line, from 1. Reading a sample throws Error where it is broken.
  std::function<std::shared_ptr<const Dataset>(int64_t most)> next;
  // The labels of the label column: an index of the model's classes, kNoLabel or kOtherLabel.
  std::optional<std::vector<int32_t>> labels{};
  std::vector<std::string> notes{};  // what a person should know: files that were ignored
};
inline constexpr int32_t kNoLabel = -1, kOtherLabel = -2;  // the field is empty; it names none of the classes

// Opens the inputs. Throws UsageError where columns are named and the data is not a table, and Error where the data
// does not exist, has no samples, or is not of the model's kind. The model must live while the inputs do.
PredictionInputs open_inputs(const InputChoice& choice, const RunModel& model);

}  // namespace cofactor
