// What it takes to use a run's network, beside its weights: the network, the names of its classes, and how samples
// become its inputs. A run's folder has all of it, so that the network works on another machine, without the data and
// the flags that it was trained with.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "data/images/image_transform.h"
#include "data/sets/feature_array.h"
#include "data/sets/own_data.h"
#include "data/text/vocabulary.h"
#include "models/make_network.h"
#include "models/mlp.h"
#include "models/word_cnn.h"

namespace cofactor {

// How each kind of sample becomes an input, and the options of the network. What RunModel says elsewhere is not read
// from the options: the numbers of classes, of features, of words in the vocabulary, and an image's height and width.
struct ImageInput {
  NetworkOptions network{};
  ImageTransform transform{};  // of validation and test: no step is random
};
// How a text becomes words (data/text/sentences.h).
enum class Tokeniser : uint8_t {
  kim2014,  // clean_sentence and tokenize
  unicode,  // text_words
};
struct TextInput {
  WordCnnOptions network{};  // without word vectors
  Tokeniser tokeniser = Tokeniser::kim2014;
  std::vector<std::string> words{};  // the vocabulary, in the order of indices, from Vocabulary::kFirstWord on
  int64_t length = 0;                // words of a sentence that the network reads
};
struct FeatureInput {
  MlpOptions network{};
  FeatureScaling scaling{};
};

struct RunModel {
  std::string network;               // "resnet34", "word_cnn", "mlp": one of run_network_names(kind())
  std::vector<std::string> classes;  // names, by label
  std::variant<ImageInput, TextInput, FeatureInput> input;
  std::string method{};           // that trained it
  std::string precision = "f32";  // that it was trained in: f32, tf32 or bf16

  SampleKind kind() const;
  // The shape of one input: (H, W, 3), (words) or (features).
  Shape sample_shape() const;
};

// The names of the networks for samples of this kind.
std::vector<std::string> run_network_names(SampleKind kind);

// Makes the network with initial weights from `init`: the same for training and for using it. `vectors` are the initial
// word vectors of a network that starts from given ones, (vocabulary, dimension); without them they are 0. Throws Error
// if the name is unknown or an option is out of range.
std::unique_ptr<Module> make_run_network(const RunModel& model, Initializer& init, std::vector<float> vectors = {});

// The words of a text. Throws Error if there are none.
std::vector<std::string> words_of(std::string_view text, Tokeniser tokeniser);

// The vocabulary of a model for text. Throws Error, which says which, if a word is there twice.
Vocabulary vocabulary_of(const TextInput& input);

// The file model.json of a run's folder, beside vocabulary.txt (one word per line) for text and scaling.npy
// (feature_array.h) for features.
inline constexpr std::string_view kModelFile = "model.json";
inline constexpr std::string_view kVocabularyFile = "vocabulary.txt";
inline constexpr std::string_view kScalingFile = "scaling.npy";

// Writes the model into the folder; each file appears whole or not at all, model.json last. A file that has the same
// content already is left as it is. Throws Error if a file cannot be written, or the model is not one that
// read_run_model accepts.
void write_run_model(const std::filesystem::path& folder, const RunModel& model);

// Reads it. Throws Error, with the file and what is wrong, if a file is missing, damaged or foreign, has a newer
// format, or does not go with the others.
RunModel read_run_model(const std::filesystem::path& folder);

// Makes the network in evaluation mode, with the weights in the folder's weights.safetensors. Throws Error, with the
// file, if they cannot be read, do not fit the model, or are not finite.
std::unique_ptr<Module> load_network(const std::filesystem::path& folder, const RunModel& model, Device device);
// The same for a folder whose model nobody has read yet.
std::unique_ptr<Module> load_network(const std::filesystem::path& folder, Device device);

// The model of a WordCNN for texts of so many words. Word vectors that the network starts from are not part of it.
RunModel text_model(WordCnnOptions network, Tokeniser tokeniser, const Vocabulary& vocabulary, int64_t words,
                    std::vector<std::string> classes);

// ExperimentData::describe: writes the model, with the method and the precision of each run, into the run's folder.
std::function<void(const std::filesystem::path& folder, std::string_view method, std::string_view precision)>
describe_runs(RunModel model);

}  // namespace cofactor
