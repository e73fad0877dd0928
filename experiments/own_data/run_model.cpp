#include "experiments/own_data/run_model.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <system_error>

#include "data/text/sentences.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/utf8.h"
#include "experiments/own_data/run_model_json.h"
#include "experiments/training/checkpoint.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeightsFile = "weights.safetensors";
constexpr std::string_view kWordCnnName = "word_cnn";

bool has_content(const fs::path& path, std::string_view content) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && read_file(path) == content;
}

void write_if_new(const fs::path& path, std::string_view content) {
  if (!has_content(path, content)) write_file_atomically(path, content);
}

bool has_scaling(const fs::path& path, const FeatureScaling& scaling) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  try {
    const FeatureScaling found = read_scaling(path);
    return found.mean == scaling.mean && found.std == scaling.std;
  } catch (const Error&) {
    return false;  // it is replaced
  }
}

std::vector<std::string> read_vocabulary(const fs::path& path) {
  const std::string text = read_file(path);
  check(text.ends_with('\n'), "{}: the last line has no end; the file is cut short", path.string());
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string lines_of_words(const std::vector<std::string>& words) {
  return fmt::format("{}\n", fmt::join(words, "\n"));
}

// The number of values of the weights, at least. It is compared with the file before a network is made, so that a
// damaged model does not ask for more memory than the weights take.
double least_weights(const RunModel& model) {
  const auto classes = static_cast<double>(model.classes.size());
  if (const auto* text = std::get_if<TextInput>(&model.input)) {
    const WordCnnOptions& options = text->network;
    const auto dimension = static_cast<double>(options.dimension), maps = static_cast<double>(options.maps);
    double values = static_cast<double>(text->words.size()) * dimension;
    for (const int64_t width : options.widths) values += static_cast<double>(width) * dimension * maps;
    return values + maps * static_cast<double>(options.widths.size()) * classes;
  }
  if (const auto* features = std::get_if<FeatureInput>(&model.input)) {
    double values = 0, inputs = static_cast<double>(features->scaling.mean.size());
    for (const int64_t outputs : features->network.hidden) {
      values += inputs * static_cast<double>(outputs);
      inputs = static_cast<double>(outputs);
    }
    return values + inputs * classes;
  }
  if (!model.network.starts_with("vgg")) return classes;
  const Shape shape = model.sample_shape();
  const auto& image = std::get<ImageInput>(model.input);
  if (image.network.head != VggHead::linear) return classes;
  return classes * static_cast<double>(shape[0] / kVggReduction) * static_cast<double>(shape[1] / kVggReduction);
}

void check_finite(const std::vector<NamedTensor>& tensors, const fs::path& path) {
  for (const auto& [name, tensor] : tensors) {
    if (tensor.dtype() != DType::f32) continue;
    const std::vector<float> values = tensor.to_vector<float>();
    const auto bad = std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
    if (bad != values.end()) fail("{}: value {} of '{}' is {}", path.string(), bad - values.begin(), name, *bad);
  }
}

}  // namespace

SampleKind RunModel::kind() const {
  return static_cast<SampleKind>(input.index());  // the alternatives stand in the kinds' order
}
static_assert(static_cast<size_t>(SampleKind::images) == 0 && static_cast<size_t>(SampleKind::text) == 1 &&
              static_cast<size_t>(SampleKind::features) == 2);

Shape RunModel::sample_shape() const {
  if (const auto* image = std::get_if<ImageInput>(&input)) return transformed_shape(image->transform);
  if (const auto* text = std::get_if<TextInput>(&input)) return {text->length};
  return {static_cast<int64_t>(std::get<FeatureInput>(input).scaling.mean.size())};
}

std::vector<std::string> run_network_names(SampleKind kind) {
  if (kind == SampleKind::images) return network_names();
  return kind == SampleKind::text ? std::vector{std::string(kWordCnnName)} : feature_network_names();
}

std::unique_ptr<Module> make_run_network(const RunModel& model, Initializer& init, std::vector<float> vectors) {
  const auto classes = static_cast<int64_t>(model.classes.size());
  const Shape shape = model.sample_shape();
  if (const auto* image = std::get_if<ImageInput>(&model.input)) {
    NetworkOptions options = image->network;
    options.classes = classes;
    options.image_height = shape[0];
    options.image_width = shape[1];
    return make_network(model.network, init, options);
  }
  if (const auto* text = std::get_if<TextInput>(&model.input)) {
    check(model.network == kWordCnnName, "network '{}' for text, expected {}", printable(model.network), kWordCnnName);
    WordCnnOptions options = text->network;
    options.classes = classes;
    options.vocabulary = static_cast<int64_t>(text->words.size()) + Vocabulary::kFirstWord;
    options.vectors = std::move(vectors);
    if (options.embedding != EmbeddingMode::random && options.vectors.empty())
      options.vectors.resize(static_cast<size_t>(options.vocabulary * options.dimension));
    return std::make_unique<WordCnn>(init, options);
  }
  MlpOptions options = std::get<FeatureInput>(model.input).network;
  options.features = shape[0];
  options.classes = classes;
  return make_feature_network(model.network, init, options);
}

std::vector<std::string> words_of(std::string_view text, Tokeniser tokeniser) {
  std::vector<std::string> words;
  switch (tokeniser) {
    case Tokeniser::kim2014: words = tokenize(clean_sentence(text)); break;
    case Tokeniser::unicode: words = text_words(text); break;
  }
  check(!words.empty(), "no word is left after cleaning, which keeps {}",
        tokeniser == Tokeniser::kim2014 ? "only letters, digits and (),!?'`" : "letters, digits, symbols and (),!?'`");
  return words;
}

Vocabulary vocabulary_of(const TextInput& input) {
  Vocabulary vocabulary({input.words});
  if (vocabulary.size() == static_cast<int64_t>(input.words.size()) + Vocabulary::kFirstWord) return vocabulary;
  std::set<std::string_view> seen;
  for (const std::string& word : input.words)
    check(seen.insert(word).second, "vocabulary: the word '{}' is there twice", printable(word));
  return vocabulary;
}

void write_run_model(const fs::path& folder, const RunModel& model) {
  const std::string json = run_model_json(model);
  run_model_from(json, model);  // refuses what could not be read
  if (const auto* text = std::get_if<TextInput>(&model.input)) {
    write_if_new(folder / kVocabularyFile, lines_of_words(text->words));
  } else if (const auto* features = std::get_if<FeatureInput>(&model.input)) {
    if (!has_scaling(folder / kScalingFile, features->scaling)) write_scaling(folder / kScalingFile, features->scaling);
  }
  write_if_new(folder / kModelFile, json);
}

RunModel read_run_model(const fs::path& folder) {
  const fs::path path = folder / kModelFile;
  RunModel beside;
  // Assigned member by member: g++ 12 destroys a member twice where another of the same aggregate throws.
  const auto in_file = [&](const auto& call) {
    try {
      return call();
    } catch (const OutOfMemory&) {
      throw;
    } catch (const Error& error) {
      fail("{}: {}", path.string(), error.what());
    }
  };
  const std::string json = read_file(path);
  switch (in_file([&] { return run_model_kind(json); })) {
    case SampleKind::images: break;
    case SampleKind::text: beside.input.emplace<TextInput>().words = read_vocabulary(folder / kVocabularyFile); break;
    case SampleKind::features:
      beside.input.emplace<FeatureInput>().scaling = read_scaling(folder / kScalingFile);
      break;
  }
  return in_file([&] { return run_model_from(json, beside); });
}

std::unique_ptr<Module> load_network(const fs::path& folder, const RunModel& model, Device device) {
  const fs::path path = folder / kWeightsFile;
  const Weights weights = load_weights(path);
  double values = 0;
  for (const NamedTensor& named : weights.tensors) values += static_cast<double>(named.tensor.numel());
  const double least = least_weights(model);
  check(least <= values, "{}: {:.0f} values, but the network of {} has at least {:.0f}", path.string(), values,
        kModelFile, least);
  Initializer init(device, 0);
  auto network = make_run_network(model, init);
  try {
    network->load_state(weights.tensors);
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& error) {
    fail("{}: the weights are not those of the network in {}: {}", path.string(), kModelFile, error.what());
  }
  check_finite(weights.tensors, path);
  network->eval();
  return network;
}

std::unique_ptr<Module> load_network(const fs::path& folder, Device device) {
  return load_network(folder, read_run_model(folder), device);
}

RunModel text_model(WordCnnOptions network, Tokeniser tokeniser, const Vocabulary& vocabulary, int64_t words,
                    std::vector<std::string> classes) {
  network.vectors.clear();
  TextInput text;
  text.network = std::move(network);
  text.tokeniser = tokeniser;
  text.length = words;
  for (int32_t i = Vocabulary::kFirstWord; i < vocabulary.size(); ++i) text.words.push_back(vocabulary.word(i));
  return {.network = "word_cnn", .classes = std::move(classes), .input = std::move(text)};
}

std::function<void(const fs::path& folder, std::string_view method, std::string_view precision)> describe_runs(
    RunModel model) {
  return [model = std::move(model)](const fs::path& folder, std::string_view method, std::string_view precision) {
    RunModel run = model;
    run.method = method;
    run.precision = precision;
    write_run_model(folder, run);
  };
}

}  // namespace cofactor
