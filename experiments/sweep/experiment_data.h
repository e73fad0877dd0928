// What an experiment runs on: the data, the network, and what of both decides a run's result.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "data/dataset.h"
#include "experiments/report/finished_run.h"
#include "layers/module.h"

namespace cofactor {

struct DataSplits {
  Split train, validation, test;  // before noise
  Split unlabelled{};  // samples that are predicted alone; their labels mean nothing. Often there are none: no data set

  bool has_unlabelled() const { return unlabelled.size() > 0; }
};

// The inputs of a run, as inputs.h finds them.
struct PartInputs {
  std::string labels, content;      // checksums: of the labels as given; of the samples' places, names and contents
  std::vector<uint64_t> checksums;  // of each sample's contents
};
struct DataInputs {
  PartInputs train, validation, test, unlabelled;
};

// What cross-fitting needs of the data.
struct FoldData {
  std::shared_ptr<const Dataset> unaugmented;  // the training samples, by the same indices, as evaluation reads them
  bool judges_test = true;                     // whether the labels of the test samples are judged too
  std::vector<int32_t> train_groups{}, validation_groups{};  // see deal_folds; empty: none
};

// Named values that decide a result; they become an object in a run's settings, in this order.
using SettingValue = std::variant<bool, int64_t, uint64_t, std::string, std::vector<std::string>>;
using SettingList = std::vector<std::pair<std::string, SettingValue>>;

struct ExperimentData {
  DataSplits splits;
  // A freshly initialised network: logits (N, classes) from inputs (N, ...). The seed decides the weights.
  std::function<std::unique_ptr<Module>(uint64_t seed, Device device)> make_model;
  // What decides the result beside the samples and labels of the splits: of the experiment's flags, and of the data (a
  // vocabulary, say).
  SettingList settings{}, data_settings{};
  // What a person should know of the data before the sweep, one line each: images that were left out, say.
  std::vector<std::string> notes{};
  FoldData folds{};  // of an experiment with cross-fitting
  // The labels of a cell after an amendment (CrossFitting): of the training and validation samples with their labels as
  // given, judged by what cross-fitting of a method found.
  std::function<NoisyData(const NoisyData& given, const CrossFitted& found, const std::string& method)> amend{};
  // What decides the experiment's report, beside the run's settings and inputs.
  SettingList report_settings{};
  // Likewise of the data: what a person has decided about labels, say. Where it changes, an amendment starts over.
  SettingList report_inputs{};
  // The experiment's own report of a run, called before its result is written; or empty.
  std::function<void(const FinishedRun&)> report{};
  // Writes into a run's folder what its network needs beside the weights to be used by other programs; or empty. Called
  // once the weights are written, before the result is, and for finished runs that are asked for again.
  std::function<void(const std::filesystem::path& folder, std::string_view method, std::string_view precision)>
      describe{};
  DataInputs inputs{};  // found once, after loading
};

}  // namespace cofactor
