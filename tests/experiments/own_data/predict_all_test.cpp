// Inputs of every form through a network: order, names, samples that cannot be read, labels, batches.
#include "experiments/own_data/predict_all.h"

#include <doctest/doctest.h>

#include <cmath>

#include "data/files/npy.h"
#include "data/images/image_file_dataset.h"
#include "engine/autograd.h"
#include "engine/io/file.h"
#include "engine/ops/softmax.h"
#include "experiments/own_data/text_samples.h"
#include "experiments/sweep/program.h"
#include "tests/data/image_fixtures.h"
#include "tests/experiments/own_data/run_folders.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

// Keeps what it is given.
struct KeptPredictions : PredictionsWriter {
  void add(const std::string& id, std::span<const float> probabilities) override {
    ids.push_back(id);
    rows.emplace_back(probabilities.begin(), probabilities.end());
  }
  void finish() override { finished = true; }

  std::vector<std::string> ids;
  std::vector<std::vector<float>> rows;
  bool finished = false;
};

struct PredictedInputs {
  KeptPredictions kept;
  PredictOutcome outcome;
  std::vector<std::string> reasons, notes;
};

PredictedInputs predict_inputs(const RunModel& model, const InputChoice& choice, const PredictOptions& options = {}) {
  PredictedInputs all;
  PredictionInputs inputs = open_inputs(choice, model);
  all.notes = inputs.notes;
  Initializer init(options.device, 3);
  const auto network = make_run_network(model, init);
  all.outcome = predict_all(*network, inputs, all.kept, options,
                            {.unread = [&](const std::string& reason) { all.reasons.push_back(reason); }});
  CHECK(all.kept.finished);
  return all;
}

std::vector<float> features_of(int64_t rows) {
  return random_values<float>(rows * 4, 11, -2.0, 2.0);
}

std::string open_refusal(const RunModel& model, const InputChoice& choice) {
  return error_of([&] { open_inputs(choice, model); });
}

bool is_usage(const RunModel& model, const InputChoice& choice) {
  try {
    open_inputs(choice, model);
  } catch (const UsageError&) {
    return true;
  } catch (const Error&) {
  }
  return false;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("predict: features in their order are the softmax of the network on scaled rows for every batch size") {
    const TemporaryFolder folder;
    const RunModel model = feature_model();
    const std::vector<float> values = features_of(23);
    write_npy(folder / "x.npy", std::span<const float>(values), {23, 4});
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      const auto network = make_run_network(model, init);
      network->eval();
      const FeatureArray data(open_features(folder / "x.npy"), std::get<FeatureInput>(model.input).scaling,
                              std::vector<int32_t>(23), 3);
      std::vector<float> scaled(23 * 4);
      for (int64_t i = 0; i < 23; ++i) data.read(i, {}, scaled.data() + 4 * i);
      const NoGrad no_grad;
      const auto expected = softmax((*network)(Tensor::from(scaled, {23, 4}, device))).to_vector<float>();
      for (const int64_t batch : {1, 4, 23, 100}) {
        const auto found =
            predict_inputs(model, {.data = folder / "x.npy"}, {.batch_size = batch, .device = device, .workers = 2});
        REQUIRE(found.kept.rows.size() == 23);
        CHECK(found.kept.ids[0] == "1");
        CHECK(found.kept.ids[22] == "23");
        for (size_t i = 0; i < 23; ++i)
          for (size_t c = 0; c < 3; ++c) {
            if (batch >= 23) CHECK(found.kept.rows[i][c] == expected[3 * i + c]);
            CHECK(found.kept.rows[i][c] == doctest::Approx(expected[3 * i + c]).epsilon(1e-5));
          }
      }
    }
  }

  TEST_CASE("predict: features that are not finite are named and leave the others as they are") {
    const TemporaryFolder folder;
    std::vector<float> values = features_of(6);
    write_npy(folder / "x.npy", std::span<const float>(values), {6, 4});
    const auto all = predict_inputs(feature_model(), {.data = folder / "x.npy"});
    values[2 * 4 + 1] = NAN;
    values[5 * 4] = INFINITY;
    write_npy(folder / "y.npy", std::span<const float>(values), {6, 4});
    const auto some = predict_inputs(feature_model(), {.data = folder / "y.npy"}, {.batch_size = 2});
    CHECK(some.outcome.samples == 6);
    CHECK(some.outcome.unread == 2);
    REQUIRE(some.reasons.size() == 2);
    CHECK(contains(some.reasons[0], "y.npy': row 2, column 1 is nan"));
    CHECK(contains(some.reasons[1], "y.npy': row 5, column 0 is inf"));
    for (const size_t row : {2u, 5u}) CHECK(some.kept.rows[row].empty());
    for (const size_t row : {0u, 1u, 3u, 4u}) {
      REQUIRE(some.kept.rows[row].size() == 3);
      CHECK(some.kept.rows[row][1] == doctest::Approx(all.kept.rows[row][1]).epsilon(1e-5));
    }
  }

  TEST_CASE("predict: an output that is not finite is no prediction") {
    const TemporaryFolder folder;
    const std::vector<float> values = {1e38f, 1e38f, 1e38f, 1e38f, 0, 0, 0, 0};
    write_npy(folder / "x.npy", std::span<const float>(values), {2, 4});
    RunModel model = feature_model("linear");
    std::get<FeatureInput>(model.input).scaling = {.mean = {0, 0, 0, 0}, .std = {1, 1, 1, 1}};
    PredictionInputs inputs = open_inputs({.data = folder / "x.npy"}, model);
    Initializer init(kHost);
    const auto network = make_run_network(model, init);
    for (const auto& [name, tensor] : network->parameters())
      tensor.copy_from(Tensor::full(tensor.shape(), 1e3, DType::f32, kHost));
    KeptPredictions kept;
    CHECK(predict_all(*network, inputs, kept, {.device = kHost}).unread == 1);
    CHECK(kept.rows[0].empty());
    CHECK(kept.rows[1].size() == 3);
  }

  TEST_CASE("predict: texts of tables and lines have the words of the vocabulary and rows and columns their names") {
    const TemporaryFolder folder;
    const RunModel model = text_model();
    write_file_atomically(folder / "t.csv",
                          "name,text,label\nx,Good film!,positive\ny,\"\"\"bad, bad\"\" film\",\nz,?!,other\n");
    write_file_atomically(folder / "t.txt", "Good film!\n\n\"bad, bad\" film\n...\n");
    write_file_atomically(folder / "t.jsonl", "{\"text\":\"Good film!\"}\n{\"text\":\"\\\"bad, bad\\\" film\"}\n");
    const auto table = predict_inputs(model, {.data = folder / "t.csv", .id_column = "name", .label_column = "label"});
    const auto lines = predict_inputs(model, {.data = folder / "t.txt"}, {.batch_size = 1});
    const auto objects = predict_inputs(model, {.data = folder / "t.jsonl"});
    CHECK(table.kept.ids == std::vector<std::string>{"x", "y", "z"});
    CHECK(lines.kept.ids == std::vector<std::string>{"1", "3", "4"});
    CHECK(objects.kept.ids == std::vector<std::string>{"1", "2"});
    CHECK(lines.outcome.unread == 1);
    CHECK(contains(lines.reasons.at(0), "t.txt', line 4: no word is left after cleaning"));
    for (const size_t row : {0u, 1u}) {
      for (const size_t c : {0u, 1u}) {
        CHECK(lines.kept.rows[row][c] == doctest::Approx(table.kept.rows[row][c]).epsilon(1e-5));
        CHECK(objects.kept.rows[row][c] == doctest::Approx(table.kept.rows[row][c]).epsilon(1e-5));
      }
    }
    CHECK(table.outcome.labelled == 1);
    CHECK(table.outcome.other == 1);
    CHECK(table.outcome.correct == (table.kept.rows[0][1] > table.kept.rows[0][0] ? 1 : 0));

    std::vector<int32_t> indices(7);
    const TextEncoder encoder(std::get<TextInput>(model.input));
    encoder.encode("Bad FILM, unheard", indices.data());
    CHECK(indices == std::vector<int32_t>{3, 4, 1, 1, 0, 0, 0});
    encoder.encode("film film film film film film film bad", indices.data());
    CHECK(indices == std::vector<int32_t>(7, 4));
  }

  TEST_CASE("predict: images of files folders tables and lines with broken and missing ones named") {
    const TemporaryFolder folder;
    for (uint64_t i = 0; i < 5; ++i)
      write_image(folder / "a" / "b" / fmt::format("{}.png", i), random_image(20, 18 + static_cast<int64_t>(i), i));
    write_file_atomically(folder / "a" / "broken.jpg", "none");
    write_file_atomically(folder / "a" / "notes.txt", "none");
    const RunModel model = image_model();
    const auto found = predict_inputs(model, {.data = folder / "a"}, {.batch_size = 2, .workers = 3});
    CHECK(found.kept.ids ==
          std::vector<std::string>{"b/0.png", "b/1.png", "b/2.png", "b/3.png", "b/4.png", "broken.jpg"});
    CHECK(found.outcome.unread == 1);
    CHECK(contains(found.reasons.at(0), "broken.jpg"));
    CHECK(contains(found.notes.at(0), "notes.txt"));
    const auto one = predict_inputs(model, {.data = folder / "a" / "b" / "3.png"});
    CHECK(one.kept.ids == std::vector<std::string>{(folder / "a" / "b" / "3.png").string()});

    // A table's paths are relative to it, or absolute.
    write_file_atomically(folder / "t.tsv", fmt::format("file\tclass\na/b/3.png\tapple\nnone.png\tapple\n{}\t\n",
                                                        (folder / "a/b/1.png").string()));
    const auto table = predict_inputs(model, {.data = folder / "t.tsv", .label_column = "class"});
    REQUIRE(table.kept.rows.size() == 3);
    CHECK(contains(table.reasons.at(0), "none.png"));
    CHECK(table.kept.rows[1].empty());
    CHECK(table.outcome.labelled == 1);
    write_file_atomically(folder / "t.txt", fmt::format("{0}/a/b/3.png\r\n{0}/a/b/1.png\n", folder.path().string()));
    const auto lines = predict_inputs(model, {.data = folder / "t.txt"});
    for (size_t c = 0; c < 3; ++c) {
      for (const float p : {one.kept.rows[0][c], table.kept.rows[0][c], lines.kept.rows[0][c]})
        CHECK(p == doctest::Approx(found.kept.rows[3][c]).epsilon(1e-4));
      CHECK(lines.kept.rows[1][c] == doctest::Approx(found.kept.rows[1][c]).epsilon(1e-4));
    }
  }

  TEST_CASE("predict: inputs of another kind and empty ones and columns that are not there are refused") {
    const TemporaryFolder folder;
    const std::vector<float> values = features_of(2);
    write_npy(folder / "x.npy", std::span<const float>(values), {2, 4});
    write_npy(folder / "wide.npy", std::span<const float>(values), {1, 8});
    write_npy(folder / "none.npy", std::span<const float>(), {0, 4});
    write_file_atomically(folder / "t.csv", "text\ngood\n");
    write_file_atomically(folder / "header.csv", "path,text\n");
    write_file_atomically(folder / "empty.txt", "\n  \n");
    std::filesystem::create_directory(folder / "empty");
    const RunModel image = image_model(), text = text_model(), features = feature_model();
    const auto data = [&](const char* name) { return InputChoice{.data = folder / name}; };
    CHECK(contains(open_refusal(image, data("x.npy")), "an array of features, but the network takes images"));
    CHECK(contains(open_refusal(text, data("x.npy")), "an array of features, but the network takes text"));
    CHECK(contains(open_refusal(features, data("t.csv")), "a table, but the network takes features: an .npy array"));
    CHECK(contains(open_refusal(features, data("empty.txt")), "lines of text, but the network takes features"));
    CHECK(contains(open_refusal(text, data("empty")), "a folder, but the network takes text"));
    CHECK(contains(open_refusal(features, data("wide.npy")), "shape (1, 8), but the network takes 4 features"));
    CHECK(contains(open_refusal(features, data("none.npy")), "has no features"));
    CHECK(contains(open_refusal(image, data("empty")), "has no JPEG, PNG or BMP images"));
    CHECK(contains(open_refusal(image, data("none")), "there is no such file or folder"));
    CHECK(contains(open_refusal(text, data("header.csv")), "there are no rows after the header row"));
    CHECK(contains(error_of([&] { predict_inputs(text, data("empty.txt")); }), "empty.txt' has no lines"));
    CHECK(contains(open_refusal(text, {.data = folder / "t.csv", .text_column = "body"}), "no column 'body'"));
    CHECK(contains(open_refusal(text, {.data = folder / "t.csv", .label_column = "y"}), "no column 'y'"));
    CHECK(is_usage(features, {.data = folder / "x.npy", .label_column = "y"}));
    CHECK(is_usage(text, {.data = folder / "t.csv", .path_column = "text"}));
    CHECK(is_usage(text, {.data = folder / "empty.txt", .header = true}));
    CHECK(!is_usage(text, data("x.npy")));
  }

  TEST_CASE("predict: lines are counted where that is asked for") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "t.txt", "good\n\nbad\nfilm\n");
    const RunModel model = text_model();
    CHECK(open_inputs({.data = folder / "t.txt", .count_lines = true}, model).size == 3);
    CHECK(!open_inputs({.data = folder / "t.txt"}, model).size);
    CHECK(predict_inputs(model, {.data = folder / "t.txt", .count_lines = true}, {.batch_size = 2}).kept.ids ==
          std::vector<std::string>{"1", "3", "4"});
  }
}

}  // namespace cofactor::testing
