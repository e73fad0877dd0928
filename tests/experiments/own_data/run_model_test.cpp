// A run's model: written and read without loss, refused where it is damaged, and made into the network of its weights.
#include "experiments/own_data/run_model.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/autograd.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "experiments/own_data/run_model_json.h"
#include "tests/experiments/own_data/run_folders.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

Tensor model_input(const RunModel& model, int64_t samples, Device device) {
  const Shape one = model.sample_shape();
  const Shape shape = one.rank() == 3 ? Shape{samples, one[0], one[1], one[2]} : Shape{samples, one[0]};
  if (model.kind() != SampleKind::text) return Tensor::from(random_values<float>(shape.numel(), 3), shape, device);
  std::vector<int32_t> words;
  for (const double value : random_values(shape.numel(), 3, 0.0, 6.0)) words.push_back(static_cast<int32_t>(value));
  return Tensor::from(words, shape, device);
}

// Replaces a part of the file's text, which must be there.
void replace_in_file(const std::filesystem::path& file, const std::string& before, const std::string& after) {
  std::string text = read_file(file);
  const size_t at = text.find(before);
  REQUIRE_MESSAGE(at != std::string::npos, before);
  write_file_atomically(file, text.replace(at, before.size(), after));
}

std::string model_refusal(const RunModel& model, const std::string& file, const std::string& before,
                          const std::string& after) {
  const TemporaryFolder folder;
  write_run(folder.path(), model);
  replace_in_file(folder / file, before, after);
  return error_of([&] { load_network(folder.path(), kHost); });
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("run model: written and read it is the same for images text and features") {
    for (const RunModel& model : {image_model(), text_model(), feature_model(), feature_model("linear")}) {
      CAPTURE(model.network);
      const TemporaryFolder folder;
      write_run_model(folder.path(), model);
      const RunModel read = read_run_model(folder.path());
      CHECK(run_model_json(read) == read_file(folder / "model.json"));
      CHECK(read.kind() == model.kind());
      CHECK(read.network == model.network);
      CHECK(read.classes == model.classes);
      CHECK(read.method == model.method);
      CHECK(read.precision == model.precision);
      CHECK(read.sample_shape() == model.sample_shape());
      CHECK(folder.count() == (model.kind() == SampleKind::images ? 1 : 2));
    }
  }

  TEST_CASE("run model: every option of a network and a transform comes back") {
    const TemporaryFolder folder;
    RunModel image = image_model();
    image.network = "vgg11";
    image.precision = "bf16";
    image.input = ImageInput{.network = {.stem = ResNetStem::imagenet, .head = VggHead::linear, .dropout = 0.125},
                             .transform = {.resize_h = 60,
                                           .resize_w = 50,
                                           .pad = 3,
                                           .crop_h = 64,
                                           .crop_w = 40,
                                           .mean = {0.1f, 0.2f, 0.3f},
                                           .std = {0.4f, 0.5f, 0.6f}}};
    write_run_model(folder.path(), image);
    const auto read = std::get<ImageInput>(read_run_model(folder.path()).input);
    CHECK(read.network.head == VggHead::linear);
    CHECK(read.network.dropout == 0.125);
    CHECK(read.transform.mean == std::array{0.1f, 0.2f, 0.3f});
    CHECK(read.transform.std == std::array{0.4f, 0.5f, 0.6f});
    CHECK(read.transform.pad == 3);
    CHECK(transformed_shape(read.transform) == Shape{64, 40, 3});

    const TemporaryFolder texts;
    RunModel text = text_model();
    auto& options = std::get<TextInput>(text.input).network;
    options.activation = WordActivation::tanh;
    options.embedding = EmbeddingMode::multichannel;
    write_run_model(texts.path(), text);
    const auto words = std::get<TextInput>(read_run_model(texts.path()).input);
    CHECK(words.network.activation == WordActivation::tanh);
    CHECK(words.network.embedding == EmbeddingMode::multichannel);
    CHECK(words.network.widths == std::vector<int64_t>{2, 3});
    CHECK(words.words == std::vector<std::string>{"good", "bad", "film", "!"});
    CHECK(vocabulary_of(words).index_of("film") == 4);
  }

  TEST_CASE("run model: the network has the weights of the folder on every device and for every kind") {
    for (const RunModel& model : {image_model(), text_model(), feature_model(), feature_model("linear")}) {
      CAPTURE(model.network);
      const TemporaryFolder folder;
      write_run(folder.path(), model, 7);
      for (const Device device : available_devices()) {
        Initializer init(device, 7);
        const auto expected = make_run_network(model, init);
        expected->eval();
        const auto loaded = load_network(folder.path(), device);
        CHECK(!loaded->training());
        const NoGrad no_grad;
        const Tensor x = model_input(model, 3, device);
        CHECK((*loaded)(x).to_vector<float>() == (*expected)(x).to_vector<float>());
      }
    }
  }

  TEST_CASE("run model: given word vectors are the embedding and without them there is room for those of a file") {
    RunModel model = text_model();
    std::get<TextInput>(model.input).network.embedding = EmbeddingMode::fixed;
    const std::vector<float> vectors = random_values<float>(36, 5);
    Initializer init(kHost);
    const auto trained = make_run_network(model, init, vectors);
    CHECK(trained->state().front().tensor.to_vector<float>().size() == 36);
    const TemporaryFolder folder;
    write_run_model(folder.path(), model);
    save_weights(folder / "weights.safetensors", {"{}", trained->state()});
    const auto loaded = load_network(folder.path(), kHost);
    const NoGrad no_grad;
    trained->eval();
    const Tensor x = model_input(model, 2, kHost);
    CHECK((*loaded)(x).to_vector<float>() == (*trained)(x).to_vector<float>());
  }

  TEST_CASE("run model: files with the same content are left as they are and others replaced") {
    const TemporaryFolder folder;
    write_run_model(folder.path(), feature_model());
    const auto time = [&](const char* name) { return std::filesystem::last_write_time(folder / name); };
    for (const char* name : {"model.json", "scaling.npy"})
      std::filesystem::last_write_time(folder / name, time(name) - std::chrono::hours(1));
    const auto model_time = time("model.json"), scaling_time = time("scaling.npy");
    write_run_model(folder.path(), feature_model());
    CHECK(time("model.json") == model_time);
    CHECK(time("scaling.npy") == scaling_time);
    write_file_atomically(folder / "scaling.npy", "damaged");
    RunModel other = feature_model();
    other.method = "ce";
    write_run_model(folder.path(), other);
    CHECK(time("model.json") != model_time);
    CHECK(read_run_model(folder.path()).method == "ce");
  }

  TEST_CASE("run model: one with random steps or without classes is not written") {
    const TemporaryFolder folder;
    RunModel flipped = image_model(), none = image_model(), repeated = image_model(), blank = text_model();
    std::get<ImageInput>(flipped.input).transform.flip = true;
    none.classes.clear();
    repeated.classes[1] = "apple";
    std::get<TextInput>(blank.input).words[2] = "two words";
    CHECK(contains(error_of([&] { write_run_model(folder.path(), flipped); }), "random steps"));
    CHECK(contains(error_of([&] { write_run_model(folder.path(), none); }), "there are no classes"));
    CHECK(contains(error_of([&] { write_run_model(folder.path(), repeated); }), "'apple' is there twice"));
    CHECK(contains(error_of([&] { write_run_model(folder.path(), blank); }), "'two words'"));
    CHECK(folder.count() == 0);
  }

  TEST_CASE("run model: a damaged or foreign model.json is refused with the file and the value") {
    const auto json = [](const RunModel& model, const std::string& before, const std::string& after) {
      const std::string text = model_refusal(model, "model.json", before, after);
      CHECK(contains(text, "model.json: "));
      return text;
    };
    const RunModel image = image_model(), text = text_model(), features = feature_model();
    CHECK(contains(json(image, "\"version\":1", "\"version\":2"),
                   "its format is version 2, and this program reads up to 1; use a newer cofactor"));
    CHECK(contains(json(image, "\"version\":1", "\"version\":0"), "version 0"));
    CHECK(contains(json(image, "cofactor model", "another"), "not the model of a run"));
    CHECK(contains(json(image, "{\"format\"", "[\"format\""), "byte"));
    CHECK(contains(json(image, "\"images\"", "\"sounds\""), "samples is 'sounds'"));
    CHECK(contains(json(image, "resnet20", "resnet21"), "name is 'resnet21'"));
    CHECK(contains(json(image, "\"cifar\"", "\"plain\""), "stem is 'plain', expected one of imagenet, cifar"));
    CHECK(contains(json(image, "\"resize_shorter\":18", "\"resize_shorter\":15"), "does not fit"));
    CHECK(contains(json(image, "\"crop_h\":16", "\"crop_h\":1000000"), "crop_h is 1000000"));
    CHECK(contains(json(image, "\"dropout\":0.5", "\"dropout\":1.5"), "dropout is 1.5"));
    CHECK(contains(json(image, "\"f32\"", "\"f16\""), "precision is 'f16'"));
    CHECK(contains(json(image, "\"apple\"", "7"), "class 1 is a number"));
    CHECK(contains(json(text, "\"length\":7", "\"length\":2"), "the widest filter spans 3 words"));
    CHECK(contains(json(text, "\"widths\":[2,3]", "\"widths\":[2,0]"), "widths is 0"));
    CHECK(contains(json(text, "kim2014", "bpe"), "tokeniser is 'bpe'"));
    CHECK(contains(json(text, "\"words\":4", "\"words\":5"), "vocabulary.txt has 4 words, expected 5"));
    CHECK(contains(json(features, "\"features\":4", "\"features\":3"), "scaling.npy has 4 features, expected 3"));
    CHECK(contains(json(features, "\"hidden\":[5,4]", "\"hidden\":[]"),
                   "hidden has 0 sizes of layers, expected some for mlp"));
    CHECK(contains(json(features, "\"method\":\"gce\",", ""), "method"));
  }

  TEST_CASE("run model: files that do not go with each other are refused") {
    const RunModel text = text_model(), features = feature_model();
    CHECK(
        contains(model_refusal(text, "vocabulary.txt", "good", "fine"), "vocabulary.txt is not the file that belongs"));
    CHECK(contains(model_refusal(text, "vocabulary.txt", "good", "bad"), "vocabulary.txt is not the file"));
    CHECK(contains(model_refusal(text, "vocabulary.txt", "!\n", "!"), "cut short"));
    CHECK(contains(model_refusal(features, "scaling.npy", "NUMPY", "NUMPI"), "scaling.npy"));

    const TemporaryFolder folder;
    write_run(folder.path(), features);
    RunModel wider = features, huge = features;
    std::get<FeatureInput>(wider.input).network.hidden = {5, 3};
    write_run_model(folder.path(), wider);
    CHECK(contains(error_of([&] { load_network(folder.path(), kHost); }),
                   "weights.safetensors: the weights are not those of the network in model.json: load_state: "
                   "'hidden.1.weight' has shape (4, 5) in f32, expected (3, 5) in f32"));
    std::get<FeatureInput>(huge.input).network.hidden = {1 << 24, 1 << 24};
    write_run_model(folder.path(), huge);
    CHECK(contains(error_of([&] { load_network(folder.path(), kHost); }), "has at least 281475"));

    std::filesystem::remove(folder / "scaling.npy");
    CHECK(contains(error_of([&] { load_network(folder.path(), kHost); }), "scaling.npy"));
  }

  TEST_CASE("run model: weights that are not finite or missing are refused") {
    const TemporaryFolder folder;
    const RunModel model = feature_model("linear");
    write_run(folder.path(), model);
    Initializer init(kHost);
    const auto network = make_run_network(model, init);
    std::vector<float> values = network->parameters()[0].tensor.to_vector<float>();
    values[5] = NAN;
    network->parameters()[0].tensor.copy_from(Tensor::from(values, {3, 4}, kHost));
    save_weights(folder / "weights.safetensors", {"{}", network->state()});
    CHECK(contains(error_of([&] { load_network(folder.path(), kHost); }), "value 5 of 'fc.weight' is nan"));
    save_safetensors(folder / "weights.safetensors", {network->state(), {}});
    CHECK(contains(error_of([&] { load_network(folder.path(), kHost); }), "not a file of an experiment"));
    std::filesystem::remove(folder / "weights.safetensors");
    CHECK(contains(error_of([&] { load_network(folder.path(), kHost); }), "weights.safetensors"));
  }
}

}  // namespace cofactor::testing
