// WordCNN: shapes, names, logits and gradients as in PyTorch, variants, bf16, and the gradients of the whole network.
#include "models/word_cnn.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/optim/adam.h"
#include "losses/cross_entropy.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/fixture.h"
#include "tests/gradient_check.h"
#include "tests/models/logits_and_gradients.h"

namespace cofactor::testing {

namespace {

const Fixture& words_fixture() {
  static const Fixture word_cnn("word_cnn");
  return word_cnn;
}

// The network of tests/fixtures/make_word_cnn_fixture.py.
WordCnnOptions small_options() {
  return {.vocabulary = 11, .dimension = 3, .widths = {2, 3, 5}, .maps = 4};
}

Tensor sentences(int64_t count, int64_t length, Device device) {
  std::vector<int32_t> indices;
  for (const double value : random_values(count * length, 1, 0.0, 11.0)) indices.push_back(static_cast<int32_t>(value));
  return Tensor::from(indices, {count, length}, device);
}

// Compares logits and gradients with PyTorch's for the same weights, in evaluation: the fixture has no dropout.
void check_against_pytorch(const std::string& name, WordCnnOptions options) {
  for (const Setting& setting : settings()) {
    Initializer init(setting.device, 0, setting.dtype);
    WordCnn model(init, options);
    std::vector<NamedTensor> state;
    for (const auto& [path, tensor] : model.state())
      state.push_back({path, cast(words_fixture().stored(name + "." + path), setting.dtype)});
    model.load_state(state);
    model.eval();
    const Tensor logits = model(words_fixture().get("indices", setting));
    words_fixture().check(logits, name + ".logits", setting);
    backward(cross_entropy(logits, words_fixture().get("labels", setting)));
    WordCnn holder(init, options);  // its state() converts the gradients to the layout of files
    const auto from = model.parameters(), to = holder.parameters();
    for (size_t i = 0; i < from.size(); ++i) to[i].tensor.copy_from(from[i].tensor.grad());
    for (const auto& [path, tensor] : holder.state()) {
      if (!words_fixture().has(name + ".grad." + path)) continue;
      parity::check_close(name + ".grad." + path + ", " + setting.name(), parity::values_of(tensor),
                          parity::values_of(words_fixture().stored(name + ".grad." + path)), setting.tolerance);
    }
  }
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("WordCNN: names and shapes") {
    Initializer init(Device::reference);
    const WordCnn model(init, small_options());
    const std::vector<std::pair<std::string, Shape>> expected{
        {"embed.weight", {11, 3}}, {"convs.0.weight", {4, 3, 1, 2}},
        {"convs.0.bias", {4}},     {"convs.1.weight", {4, 3, 1, 3}},
        {"convs.1.bias", {4}},     {"convs.2.weight", {4, 3, 1, 5}},
        {"convs.2.bias", {4}},     {"fc.weight", {2, 12}},
        {"fc.bias", {2}}};
    const auto state = model.state();
    REQUIRE(state.size() == expected.size());
    for (size_t i = 0; i < state.size(); ++i) {
      CHECK(state[i].name == expected[i].first);
      CHECK(state[i].tensor.shape() == expected[i].second);
    }
  }

  TEST_CASE("WordCNN: fixed vectors are saved and not trained and the other modes train them") {
    std::vector<float> vectors = random_values<float>(33, 7);
    for (const EmbeddingMode mode : {EmbeddingMode::fixed, EmbeddingMode::trained, EmbeddingMode::multichannel}) {
      WordCnnOptions options = small_options();
      options.embedding = mode;
      options.vectors = vectors;
      Initializer init(Device::reference);
      WordCnn model(init, options);
      Adam adam(model.parameters(), {.lr = 0.1});
      const Tensor x = sentences(5, 6, Device::reference);
      backward(cross_entropy(model(x), Tensor::from<int32_t>({0, 1, 0, 1, 1}, {5}, Device::reference)));
      adam.step();
      for (const auto& [name, tensor] : model.state()) {
        if (!name.starts_with("embed")) continue;
        const bool fixed = mode == EmbeddingMode::fixed || name.starts_with("embed_fixed");
        CHECK((tensor.to_vector<float>() == vectors) == fixed);
      }
      CHECK(model.state().size() == (mode == EmbeddingMode::multichannel ? 10 : 9));
    }
  }

  TEST_CASE(
      "WordCNN: padding behind a sentence that is longer than the filters changes no logits beyond the first place") {
    // A window with only padding has the same value at every position.
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      WordCnn model(init, small_options());
      model.eval();
      std::vector<int32_t> words{4, 7, 2, 9, 1, 3, 0, 0, 0, 0, 0}, longer = words;
      longer.insert(longer.end(), 9, 0);
      const auto logits = [&](const std::vector<int32_t>& row) {
        return model(Tensor::from(row, {1, static_cast<int64_t>(row.size())}, device)).to_vector<float>();
      };
      const auto a = logits(words), b = logits(longer);
      for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
    }
  }

  TEST_CASE("WordCNN: bf16 keeps parameters and gradients and logits in f32 and comes near f32") {
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      WordCnnOptions options = small_options();
      options.dimension = 16;
      options.maps = 20;
      WordCnn model(init, options);
      model.eval();
      const Tensor x = sentences(9, 8, device),
                   labels = Tensor::from<int32_t>({0, 1, 0, 1, 1, 0, 0, 1, 1}, {9}, device);
      const auto exact = logits_and_gradients(model, x, labels, false);
      const auto rounded = logits_and_gradients(model, x, labels, true);
      CHECK(exact != rounded);
      for (size_t k = 0; k < exact.size(); ++k) {
        double error = 0.0, size = 0.0;
        for (size_t i = 0; i < exact[k].size(); ++i) {
          error += std::pow(exact[k][i] - rounded[k][i], 2);
          size += std::pow(exact[k][i], 2);
        }
        CHECK(std::sqrt(error) < 0.1 * std::sqrt(size));  // the maximum may be at another position
      }
    }
  }

  TEST_CASE("WordCNN: invalid options and inputs are errors") {
    Initializer init(Device::reference);
    WordCnn model(init, small_options());
    CHECK(contains(error_of([&] { model(sentences(2, 4, Device::reference)); }),
                   "sentences of 4 words are shorter than the widest filter, 5"));
    CHECK(contains(error_of([&] {
                     model(Tensor::zeros({2, 7}, DType::f32, Device::reference));
                   }),
                   "x is f32 of shape (2, 7)"));
    CHECK(contains(error_of([&] { model(Tensor()); }), "x is undefined"));
    WordCnnOptions none = small_options(), unwanted = small_options(), missing = small_options(),
                   short_of = small_options();
    none.widths = {};
    unwanted.vectors = std::vector<float>(33);
    missing.embedding = EmbeddingMode::fixed;
    short_of.embedding = EmbeddingMode::fixed;
    short_of.vectors = std::vector<float>(32);
    CHECK(contains(error_of([&] { WordCnn(init, none); }), "0 filter widths"));
    CHECK(contains(error_of([&] { WordCnn(init, unwanted); }), "33 values of word vectors, but the mode needs none"));
    CHECK(contains(error_of([&] { WordCnn(init, missing); }), "but the mode needs given vectors"));
    CHECK(contains(error_of([&] { WordCnn(init, short_of); }), "32 initial values, expected 11 vectors of 3 values"));
  }
}

TEST_SUITE("parity") {
  TEST_CASE("PyTorch's WordCNN: logits and all gradients with ReLU with tanh and with two channels") {
    check_against_pytorch("relu", small_options());
    WordCnnOptions tanh = small_options(), two = small_options();
    tanh.activation = WordActivation::tanh;
    check_against_pytorch("tanh", tanh);
    two.embedding = EmbeddingMode::multichannel;
    two.vectors = std::vector<float>(33);
    check_against_pytorch("multichannel", two);
  }
}

}  // namespace cofactor::testing
