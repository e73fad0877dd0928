#include "experiments/own_data/run_model_json.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "data/checksum.h"
#include "engine/io/json.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr std::string_view kFormat = "cofactor model";
constexpr int kVersion = 1;
constexpr std::string_view kLinearName = "linear";  // the network without hidden layers

// Above all that a program of this project writes, and small enough that sizes do not overflow.
constexpr int64_t kMaxExtent = 1 << 24, kMaxLength = 1 << 20, kMaxSide = 1 << 14;
constexpr size_t kMaxLayers = 100;

// The names of an option's values.
template <class Value, size_t N>
struct Names {
  std::array<std::pair<std::string_view, Value>, N> all;

  std::string_view of(Value value) const {
    return std::ranges::find(all, value, &std::pair<std::string_view, Value>::second)->first;
  }
  Value in(const Json& json, std::string_view key) const {
    const auto name = field<std::string>(json, key);
    for (const auto& [known, value] : all)
      if (known == name) return value;
    std::array<std::string_view, N> names;
    std::ranges::transform(all, names.begin(), [](const auto& one) { return one.first; });
    fail("{} is '{}', expected one of {}", key, legible(name, 60), fmt::join(names, ", "));
  }
};

constexpr Names<SampleKind, 3> kSampleKinds{
    {{{"images", SampleKind::images}, {"text", SampleKind::text}, {"features", SampleKind::features}}}};
constexpr Names<ResNetStem, 2> kStemNames{{{{"imagenet", ResNetStem::imagenet}, {"cifar", ResNetStem::cifar}}}};
constexpr Names<VggHead, 2> kHeadNames{{{{"torchvision", VggHead::torchvision}, {"linear", VggHead::linear}}}};
constexpr Names<WordActivation, 2> kActivationNames{{{{"relu", WordActivation::relu}, {"tanh", WordActivation::tanh}}}};
constexpr Names<Tokeniser, 2> kTokeniserNames{{{{"kim2014", Tokeniser::kim2014}, {"unicode", Tokeniser::unicode}}}};
constexpr Names<EmbeddingMode, 4> kEmbeddingNames{{{{"random", EmbeddingMode::random},
                                                    {"static", EmbeddingMode::fixed},
                                                    {"non-static", EmbeddingMode::trained},
                                                    {"multichannel", EmbeddingMode::multichannel}}}};

int64_t whole(const Json& json, std::string_view key, int64_t least, int64_t most) {
  const auto value = field<int64_t>(json, key);
  check(value >= least && value <= most, "{} is {}, expected {} to {}", key, value, least, most);
  return value;
}

std::vector<int64_t> extents(const Json& json, std::string_view key) {
  const Json& list = list_field(json, key);
  check(list.size() <= kMaxLayers, "{} has {} numbers, expected at most {}", key, list.size(), kMaxLayers);
  std::vector<int64_t> values;
  for (const Json& item : list) values.push_back(whole(Json{{std::string(key), item}}, key, 1, kMaxExtent));
  return values;
}

double dropout_in(const Json& json) {
  const auto p = field<double>(json, "dropout");
  check(p >= 0.0 && p < 1.0, "dropout is {}, expected a probability below 1", p);
  return p;
}

std::array<float, 3> channels(const Json& json, std::string_view key) {
  const Json& list = list_field(json, key);
  check(list.size() == 3, "{} has {} numbers, expected one for each of 3 channels", key, list.size());
  std::array<float, 3> values{};
  for (size_t c = 0; c < 3; ++c) values[c] = static_cast<float>(field<double>(Json{{std::string(key), list[c]}}, key));
  return values;
}

Json json_of(const ImageTransform& transform) {
  return {{"resize_shorter", transform.resize_shorter},
          {"resize_h", transform.resize_h},
          {"resize_w", transform.resize_w},
          {"pad", transform.pad},
          {"crop_h", transform.crop_h},
          {"crop_w", transform.crop_w},
          {"mean", transform.mean},
          {"std", transform.std}};
}

ImageTransform transform_in(const Json& json) {
  const auto side = [&](std::string_view key) { return static_cast<int>(whole(json, key, 0, kMaxSide)); };
  ImageTransform transform{.resize_shorter = side("resize_shorter"),
                           .resize_h = side("resize_h"),
                           .resize_w = side("resize_w"),
                           .pad = side("pad"),
                           .crop_h = side("crop_h"),
                           .crop_w = side("crop_w"),
                           .mean = channels(json, "mean"),
                           .std = channels(json, "std")};
  transformed_shape(transform);
  return transform;
}

std::string checksum_of_words(const std::vector<std::string>& words) {
  Checksum sum;
  for (const std::string& word : words) sum.mix(word);
  return sum.text();
}

std::string checksum_of_scaling(const FeatureScaling& scaling) {
  Checksum sum;
  for (const auto* values : {&scaling.mean, &scaling.std}) {
    sum.mix(uint64_t{values->size()});
    sum.mix_bytes(values->data(), values->size() * sizeof(double));
  }
  return sum.text();
}

void check_words(const std::vector<std::string>& words) {
  check(!words.empty(), "the vocabulary has no words");
  for (size_t i = 0; i < words.size(); ++i)
    check(!words[i].empty() && words[i].find_first_of(" \t\r\n\v\f") == std::string::npos,
          "word {} of the vocabulary, '{}', is empty or has white space in it", i + 1, legible(words[i], 60));
}

void check_beside(const Json& json, std::string_view file, const std::string& checksum) {
  const auto expected = field<std::string>(json, "checksum");
  check(checksum == expected, "{} is not the file that belongs to this model: its checksum is {}, expected {}", file,
        checksum, legible(expected, 60));
}

Json json_of(const ImageInput& image) {
  const ImageTransform& t = image.transform;
  check(!t.random_crop && !t.flip && t.max_rotation == 0 && t.brightness == 0 && t.saturation == 0,
        "a run's model: its transform of images has random steps");
  return {{"network",
           {{"stem", kStemNames.of(image.network.stem)},
            {"head", kHeadNames.of(image.network.head)},
            {"dropout", image.network.dropout}}},
          {"transform", json_of(t)}};
}

Json json_of(const TextInput& text) {
  const WordCnnOptions& options = text.network;
  return {{"network",
           {{"dimension", options.dimension},
            {"widths", options.widths},
            {"maps", options.maps},
            {"dropout", options.dropout},
            {"activation", kActivationNames.of(options.activation)},
            {"embedding", kEmbeddingNames.of(options.embedding)}}},
          {"tokeniser", kTokeniserNames.of(text.tokeniser)},
          {"length", text.length},
          {"vocabulary", {{"words", text.words.size()}, {"checksum", checksum_of_words(text.words)}}}};
}

Json json_of(const FeatureInput& features, bool is_linear) {
  check(features.scaling.mean.size() == features.scaling.std.size(), "scaling: {} means and {} stds",
        features.scaling.mean.size(), features.scaling.std.size());
  const std::vector<int64_t> hidden = is_linear ? std::vector<int64_t>() : features.network.hidden;
  return {
      {"network", {{"hidden", hidden}, {"dropout", features.network.dropout}}},
      {"scaling", {{"features", features.scaling.mean.size()}, {"checksum", checksum_of_scaling(features.scaling)}}}};
}

ImageInput image_in(const Json& json, std::string_view name) {
  const Json& network = any_field(json, "network");
  ImageInput image{.network = {.stem = kStemNames.in(network, "stem"),
                               .head = kHeadNames.in(network, "head"),
                               .dropout = dropout_in(network)},
                   .transform = transform_in(any_field(json, "transform"))};
  const Shape shape = transformed_shape(image.transform);
  const int64_t least = smallest_image(name);
  check(std::min(shape[0], shape[1]) >= least, "{} takes images of at least {} x {}, not of {} x {}", name, least,
        least, shape[0], shape[1]);
  return image;
}

TextInput text_in(const Json& json, const TextInput& beside) {
  const Json& network = any_field(json, "network");
  TextInput text;  // filled member by member: g++ 12 destroys a member twice where another one's value throws
  text.words = beside.words;
  text.length = whole(json, "length", 1, kMaxLength);
  text.network.dimension = whole(network, "dimension", 1, kMaxExtent);
  text.network.widths = extents(network, "widths");
  text.network.maps = whole(network, "maps", 1, kMaxExtent);
  text.network.dropout = dropout_in(network);
  text.network.activation = kActivationNames.in(network, "activation");
  text.network.embedding = kEmbeddingNames.in(network, "embedding");
  check(!text.network.widths.empty(), "widths is empty, expected the widths of filters");
  const int64_t widest = std::ranges::max(text.network.widths);
  check(widest <= text.length, "length is {}, but the widest filter spans {} words", text.length, widest);
  text.tokeniser = kTokeniserNames.in(json, "tokeniser");
  check_words(text.words);
  const Json& vocabulary = any_field(json, "vocabulary");
  const auto words = field<int64_t>(vocabulary, "words");
  check(words == std::ssize(text.words), "{} has {} words, expected {}", kVocabularyFile, text.words.size(), words);
  check_beside(vocabulary, kVocabularyFile, checksum_of_words(text.words));
  vocabulary_of(text);
  return text;
}

FeatureInput features_in(const Json& json, const FeatureInput& beside, std::string_view name) {
  const Json& network = any_field(json, "network");
  FeatureInput features;
  features.scaling = beside.scaling;
  features.network.hidden = extents(network, "hidden");
  features.network.dropout = dropout_in(network);
  const bool is_linear = name == kLinearName;
  check(features.network.hidden.empty() == is_linear, "hidden has {} sizes of layers, expected {} for {}",
        features.network.hidden.size(), is_linear ? "none" : "some", name);
  const Json& scaling = any_field(json, "scaling");
  const auto columns = field<int64_t>(scaling, "features");
  check(columns >= 1 && columns == std::ssize(features.scaling.mean), "{} has {} features, expected {}", kScalingFile,
        features.scaling.mean.size(), columns);
  check_beside(scaling, kScalingFile, checksum_of_scaling(features.scaling));
  return features;
}

std::vector<std::string> classes_in(const Json& json) {
  std::vector<std::string> classes;
  std::set<std::string> seen;
  for (const Json& item : list_field(json, "classes")) {
    check(item.is_string(), "class {} is a {}, expected its name", classes.size() + 1, item.type_name());
    classes.push_back(item.get_ref<const std::string&>());
    check(seen.insert(classes.back()).second, "the class '{}' is there twice", printable(classes.back()));
  }
  check(!classes.empty(), "there are no classes");
  return classes;
}

Json parse_model(std::string_view text) {
  Json json = parse_json(text);
  const bool known = json.is_object() && json.contains("format") && json["format"] == kFormat;
  check(known, "not the model of a run: its format is not '{}'", kFormat);
  const auto version = field<int>(json, "version");
  check(version <= kVersion, "its format is version {}, and this program reads up to {}; use a newer cofactor", version,
        kVersion);
  check(version >= 1, "its format is version {}, expected {}", version, kVersion);
  return json;
}

}  // namespace

std::string run_model_json(const RunModel& model) {
  Json json = {{"format", kFormat},       {"version", kVersion},    {"samples", kSampleKinds.of(model.kind())},
               {"name", model.network},   {"method", model.method}, {"precision", model.precision},
               {"classes", model.classes}};
  const SampleKind samples = model.kind();
  switch (samples) {
    case SampleKind::images: json.update(json_of(std::get<ImageInput>(model.input))); break;
    case SampleKind::text: json.update(json_of(std::get<TextInput>(model.input))); break;
    case SampleKind::features:
      json.update(json_of(std::get<FeatureInput>(model.input), model.network == kLinearName));
      break;
  }
  return write_json(json) + "\n";
}

SampleKind run_model_kind(std::string_view json) {
  return kSampleKinds.in(parse_model(json), "samples");
}

RunModel run_model_from(std::string_view text, const RunModel& beside) {
  const Json json = parse_model(text);
  const SampleKind kind = kSampleKinds.in(json, "samples");
  check(kind == beside.kind(), "it is for {}, not for {}", name_of(kind), name_of(beside.kind()));
  RunModel model;
  model.network = field<std::string>(json, "name");
  model.classes = classes_in(json);
  model.method = field<std::string>(json, "method");
  model.precision = field<std::string>(json, "precision");
  const std::vector<std::string> known = run_network_names(kind);
  check(std::ranges::find(known, model.network) != known.end(), "name is '{}', expected a network for {}: {}",
        legible(model.network, 60), name_of(kind), fmt::join(known, ", "));
  check(model.precision == "f32" || model.precision == "tf32" || model.precision == "bf16",
        "precision is '{}', expected f32, tf32 or bf16", legible(model.precision, 60));
  switch (kind) {
    case SampleKind::images: model.input = image_in(json, model.network); break;
    case SampleKind::text: model.input = text_in(json, std::get<TextInput>(beside.input)); break;
    case SampleKind::features:
      model.input = features_in(json, std::get<FeatureInput>(beside.input), model.network);
      break;
  }
  return model;
}

}  // namespace cofactor
