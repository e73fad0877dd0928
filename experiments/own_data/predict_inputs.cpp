#include "experiments/own_data/predict_inputs.h"

#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

#include "data/files/label_table.h"
#include "data/images/find_images.h"
#include "data/images/image_file_dataset.h"
#include "data/images/image_kind.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"
#include "experiments/own_data/line_reader.h"
#include "experiments/own_data/text_samples.h"
#include "experiments/sweep/program.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

enum class Form { folder, image, table, array, lines };

// Paths that are read before their images are decoded, which several threads do: so many batches.
constexpr int64_t kBatchesOfPaths = 16;
constexpr std::string_view kNpyMagic = "\x93NUMPY";

std::string_view noun(Form form) {
  switch (form) {
    case Form::folder: return "a folder";
    case Form::image: return "an image";
    case Form::table: return "a table";
    case Form::array: return "an array of features";
    case Form::lines: return "lines of text";
  }
  return "";
}

bool begins_as_array(const fs::path& file) {
  const MappedFile mapped(file);
  return mapped.bytes().starts_with(kNpyMagic);
}

Form form_of(const fs::path& data) {
  if (data == "-") return Form::lines;
  std::error_code error;
  const fs::file_status status = fs::status(data, error);
  check(fs::exists(status), "--data {}: there is no such file or folder", printable(data.string()));
  if (fs::is_directory(status)) return Form::folder;
  if (!fs::is_regular_file(status)) return Form::lines;
  const std::string extension = lower_case(data.extension().string());
  if (extension == ".npy") return Form::array;
  if (extension == ".txt") return Form::lines;
  for (const std::string_view table : {".csv", ".tsv", ".tab", ".jsonl", ".ndjson"})
    if (extension == table) return Form::table;
  if (has_image_extension(data) || image_kind_of(data) != ImageKind::none) return Form::image;
  return begins_as_array(data) ? Form::array : Form::table;
}

// The kinds of network that a form is for.
void check_form(Form form, const InputChoice& choice, SampleKind kind) {
  const bool features = kind == SampleKind::features, images = kind == SampleKind::images;
  const bool fits = form == Form::table || form == Form::lines ? !features : (form == Form::array) == features;
  const bool pictures = form == Form::folder || form == Form::image;
  const std::string name = printable(choice.data.string());
  check(fits && (images || !pictures), "--data {}: {}, but the network takes {}", name, noun(form),
        features ? "features: an .npy array"
        : images ? "images: a file, a folder, or a table or lines of paths"
                 : "text: a table or lines of it");
  const auto refuse = [&](std::string_view flag, const std::string& column) {
    if (!column.empty()) usage("{} {}: --data {} is {}, which has no columns", flag, column, name, noun(form));
  };
  if (form == Form::table) {
    if (images && !choice.text_column.empty()) usage("--text-column {}: the network takes images", choice.text_column);
    if (!images && !choice.path_column.empty()) usage("--path-column {}: the network takes text", choice.path_column);
    return;
  }
  refuse("--path-column", choice.path_column);
  refuse("--text-column", choice.text_column);
  refuse("--id-column", choice.id_column);
  refuse("--label-column", choice.label_column);
  if (choice.header) usage("--header: --data {} is {}, which has no header row", name, noun(form));
}

// All samples at once.
std::function<std::shared_ptr<const Dataset>(int64_t)> once(std::shared_ptr<const Dataset> data) {
  return [data = std::move(data)](int64_t) mutable { return std::exchange(data, nullptr); };
}

std::shared_ptr<const Dataset> images_of(fs::path root, std::vector<std::string> names, const RunModel& model) {
  auto list = std::make_shared<ImageList>();
  list->root = std::move(root);
  list->classes = model.classes;
  list->labels.resize(names.size());
  list->names = std::move(names);
  return std::make_shared<ImageFileDataset>(std::move(list), std::get<ImageInput>(model.input).transform);
}

// A data set whose samples have other names.
class Renamed : public Dataset {
 public:
  Renamed(std::shared_ptr<const Dataset> data, std::function<std::string(int64_t)> name)
      : data_(std::move(data)), name_(std::move(name)) {}
  int64_t size() const override { return data_->size(); }
  Shape sample_shape() const override { return data_->sample_shape(); }
  DType dtype() const override { return data_->dtype(); }
  const std::vector<int32_t>& labels() const override { return data_->labels(); }
  int64_t classes() const override { return data_->classes(); }
  void read(int64_t index, const RandomKey& key, void* out) const override { data_->read(index, key, out); }
  std::vector<PixelScale> pixel_scales() const override { return data_->pixel_scales(); }
  void read_bytes(int64_t index, const RandomKey& key, uint8_t* out) const override {
    data_->read_bytes(index, key, out);
  }
  std::string sample_name(int64_t index) const override { return name_(index); }

 private:
  std::shared_ptr<const Dataset> data_;
  std::function<std::string(int64_t)> name_;
};

std::string row_number(int64_t index) {
  return std::to_string(index + 1);
}

PredictionInputs open_folder(const InputChoice& choice, const RunModel& model) {
  FileAccount account;
  std::vector<std::string> names = find_images({.base = choice.data, .threads = choice.threads}, "", account);
  const std::string ignored = account.ignored();
  check(!names.empty(), "--data {}: the folder has no JPEG, PNG or BMP images{}", printable(choice.data.string()),
        ignored.empty() ? "" : ", only " + ignored);
  PredictionInputs inputs{.size = std::ssize(names), .next = {}};
  if (!ignored.empty()) inputs.notes.push_back("ignored: " + ignored);
  inputs.next = once(images_of(choice.data, std::move(names), model));
  return inputs;
}

// A label's index among the classes of the model.
std::vector<int32_t> labels_of(const LabelTable& table, const RunModel& model) {
  const Categories& given = table.categories(TableRole::label);
  std::vector<int32_t> class_of;
  for (const std::string& name : given.names) {
    const auto found = std::ranges::find(model.classes, name);
    class_of.push_back(found == model.classes.end() ? kOtherLabel
                                                    : static_cast<int32_t>(found - model.classes.begin()));
  }
  std::vector<int32_t> labels;
  labels.reserve(given.values.size());
  for (const int32_t value : given.values)
    labels.push_back(value == Categories::kMissing ? kNoLabel : class_of[static_cast<size_t>(value)]);
  return labels;
}

LabelTableOptions columns_of(const InputChoice& choice, bool images) {
  const auto asked = [](const std::string& column) {
    return ColumnChoice{.need = column.empty() ? Need::unused : Need::required, .column = column};
  };
  LabelTableOptions options;
  options.header = choice.header;
  options.path = {.need = images ? Need::required : Need::unused, .column = choice.path_column};
  options.text = {.need = images ? Need::unused : Need::required, .column = choice.text_column};
  options.label = asked(choice.label_column);
  options.split.need = Need::unused;
  options.id = asked(choice.id_column);
  return options;
}

std::shared_ptr<const Dataset> texts_of(std::shared_ptr<const LabelTable> table, const RunModel& model) {
  TextSamples::Texts texts{
      .count = table->rows(),
      .text = [table](int64_t row) { return table->value(row, TableRole::text); },
      .name = row_number,
      .place = [table](int64_t row) { return fmt::format("{}, line {}", table->name(), table->line(row)); }};
  return std::make_shared<TextSamples>(std::make_shared<TextEncoder>(std::get<TextInput>(model.input)),
                                       std::move(texts), std::ssize(model.classes));
}

PredictionInputs open_table(const InputChoice& choice, const RunModel& model) {
  const bool images = model.kind() == SampleKind::images;
  const auto table = std::make_shared<const LabelTable>(LabelTable::open(choice.data, columns_of(choice, images)));
  std::shared_ptr<const Dataset> samples;
  if (images) {
    std::vector<std::string> paths;
    for (int64_t row = 0; row < table->rows(); ++row) paths.push_back(table->value(row, TableRole::path));
    samples = images_of(choice.data.parent_path(), std::move(paths), model);
  } else {
    samples = texts_of(table, model);
  }
  if (!choice.id_column.empty()) {
    const auto id = [table](int64_t row) { return std::string(trimmed(table->value(row, TableRole::id))); };
    samples = std::make_shared<Renamed>(std::move(samples), id);
  }
  PredictionInputs inputs{.size = table->rows(), .next = once(std::move(samples))};
  if (!choice.label_column.empty()) inputs.labels = labels_of(*table, model);
  return inputs;
}

PredictionInputs open_array(const InputChoice& choice, const RunModel& model) {
  const FeatureScaling& scaling = std::get<FeatureInput>(model.input).scaling;
  const auto array = open_features(choice.data);
  check(array->row_elements() == std::ssize(scaling.mean),
        "{}: an array of shape {}, but the network takes {} features", array->name(), array->shape_text(),
        scaling.mean.size());
  const std::vector<int32_t> no_labels(static_cast<size_t>(array->rows()));
  return {
      .size = array->rows(),
      .next = once(std::make_shared<FeatureArray>(array, scaling, no_labels, std::ssize(model.classes), row_number))};
}

// Some lines, which are not blank, with their numbers.
struct InputLines {
  std::vector<std::string> texts;
  std::vector<int64_t> numbers;
};

InputLines read_lines(LineReader& reader, int64_t most) {
  InputLines lines;
  while (std::ssize(lines.texts) < most) {
    auto line = reader.next();
    if (!line) break;
    if (trimmed(*line).empty()) continue;
    lines.texts.push_back(std::move(*line));
    lines.numbers.push_back(reader.number());
  }
  return lines;
}

// Makes samples of lines.
class LineSamples {
 public:
  LineSamples(std::string name, const RunModel& model) : name_(std::move(name)), model_(model) {
    const auto* text = std::get_if<TextInput>(&model.input);
    if (text) encoder_ = std::make_shared<TextEncoder>(*text);
  }

  bool are_paths() const { return encoder_ == nullptr; }

  std::shared_ptr<const Dataset> make(InputLines read) const {
    if (are_paths()) return images_of({}, std::move(read.texts), model_);
    const auto lines = std::make_shared<const InputLines>(std::move(read));
    const auto number = [lines](int64_t index) { return lines->numbers[static_cast<size_t>(index)]; };
    TextSamples::Texts texts{
        .count = std::ssize(lines->texts),
        .text = [lines](int64_t index) { return lines->texts[static_cast<size_t>(index)]; },
        .name = [number](int64_t index) { return std::to_string(number(index)); },
        .place = [number, name = name_](int64_t index) { return fmt::format("{}, line {}", name, number(index)); }};
    return std::make_shared<TextSamples>(encoder_, std::move(texts), std::ssize(model_.classes));
  }

 private:
  std::string name_;
  const RunModel& model_;
  std::shared_ptr<const TextEncoder> encoder_;  // of a network for text
};

PredictionInputs open_lines(const InputChoice& choice, const RunModel& model) {
  const auto reader = std::make_shared<LineReader>(choice.data);
  const LineSamples samples(reader->name(), model);
  if (choice.count_lines) {
    InputLines all = read_lines(*reader, std::numeric_limits<int64_t>::max());
    check(!all.texts.empty(), "{} has no lines", reader->name());
    return {.size = std::ssize(all.texts), .next = once(samples.make(std::move(all)))};
  }
  const auto next = [=, first = true](int64_t most) mutable -> std::shared_ptr<const Dataset> {
    InputLines lines = read_lines(*reader, samples.are_paths() ? most * kBatchesOfPaths : most);
    check(!first || !lines.texts.empty(), "{} has no lines", reader->name());
    first = false;
    return lines.texts.empty() ? nullptr : samples.make(std::move(lines));
  };
  return {.next = next};
}

}  // namespace

PredictionInputs open_inputs(const InputChoice& choice, const RunModel& model) {
  const Form form = form_of(choice.data);
  check_form(form, choice, model.kind());
  switch (form) {
    case Form::folder: return open_folder(choice, model);
    case Form::image: return {.size = 1, .next = once(images_of({}, {choice.data.string()}, model))};
    case Form::table: return open_table(choice, model);
    case Form::array: return open_array(choice, model);
    case Form::lines: break;
  }
  return open_lines(choice, model);
}

}  // namespace cofactor
