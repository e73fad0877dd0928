// Folders of runs with small networks of random weights, for each kind of sample.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/own_data/run_model.h"
#include "experiments/training/checkpoint.h"

namespace cofactor::testing {

inline RunModel image_model() {
  return {.network = "resnet20",
          .classes = {"apple", "pear, green", "\xC3\xA4pfel"},
          .input = ImageInput{.network = {.stem = ResNetStem::cifar},
                              .transform = {.resize_shorter = 18, .crop_h = 16, .crop_w = 16}},
          .method = "dmi"};
}

inline RunModel text_model() {
  TextInput text{.network = {.dimension = 6, .widths = {2, 3}, .maps = 4}, .words = {"good", "bad", "film", "!"}};
  text.length = 7;
  return {.network = "word_cnn", .classes = {"negative", "positive"}, .input = text, .method = "ce"};
}

inline RunModel feature_model(const std::string& network = "mlp") {
  return {.network = network,
          .classes = {"0", "1", "10"},
          .input = FeatureInput{.network = {.hidden = {5, 4}},
                                .scaling = {.mean = {0.5, -1.0, 2.0, 0.1}, .std = {1.0, 2.0, 0.0, 0.3}}},
          .method = "gce"};
}

// The model in a folder, with weights that the seed decides.
inline void write_run(const std::filesystem::path& folder, const RunModel& model, uint64_t seed = 1) {
  std::filesystem::create_directories(folder);
  write_run_model(folder, model);
  Initializer init(kHost, seed);
  save_weights(folder / "weights.safetensors", {R"({"experiment":"train"})", make_run_network(model, init)->state()});
}

}  // namespace cofactor::testing
