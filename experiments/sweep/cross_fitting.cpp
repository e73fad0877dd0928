#include "experiments/sweep/cross_fitting.h"

#include <algorithm>
#include <utility>

#include "data/files/npy.h"
#include "data/folds.h"
#include "data/noise/class_order.h"
#include "engine/io/file.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/run_failed.h"

namespace cofactor {
namespace {

// The samples for whose fold `chosen` holds.
template <class Chosen>
Split part_of(const Split& split, const std::vector<int32_t>& folds, Chosen chosen) {
  Split part{split.data, {}, {}};
  for (size_t i = 0; i < folds.size(); ++i) {
    if (!chosen(folds[i])) continue;
    part.indices.push_back(split.indices[i]);
    part.labels.push_back(split.labels[i]);
  }
  return part;
}

// Throws RunFailed where a class of the part is in one fold only: the network of that fold would not know it.
void check_classes(const Split& split, const std::vector<int32_t>& folds, std::string_view part,
                   const std::vector<std::string>& class_names) {
  std::vector<int32_t> only(class_names.size(), 0);  // the fold of all samples so far; -1: several
  for (size_t i = 0; i < folds.size(); ++i) {
    int32_t& fold = only[static_cast<size_t>(split.labels[i])];
    fold = fold == 0 || fold == folds[i] ? folds[i] : -1;
  }
  for (size_t c = 0; c < only.size(); ++c) {
    if (only[c] <= 0) continue;
    const int64_t count = split.class_counts()[c];
    throw RunFailed(fmt::format(
        "--folds: {} of class '{}' {} in fold {}, which its network does not see: it would not know the class. Have "
        "two or more {} samples of each class{}, join rare classes, or leave their labels empty",
        count == 1 ? fmt::format("the only {} sample", part) : fmt::format("all {} {} samples", count, part),
        class_names[c], count == 1 ? "is" : "are", only[c], part, count == 1 ? "" : ", of different groups"));
  }
}

// How often each network's most probable class was c where the reference's was k.
std::vector<double> agreement(const std::vector<float>& probabilities, const std::vector<float>& reference,
                              size_t classes) {
  const auto likeliest = [&](const std::vector<float>& rows, size_t at) {
    const auto row = rows.begin() + static_cast<std::ptrdiff_t>(at);
    return static_cast<size_t>(std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row);
  };
  std::vector<double> counts(classes * classes);
  for (size_t at = 0; at < probabilities.size(); at += classes) {
    counts[likeliest(probabilities, at) * classes + likeliest(reference, at)] += 1.0;
  }
  return counts;
}

// The files of a fold's network. The second has the settings, and is there only while the first is what they say.
std::filesystem::path probabilities_file(const std::filesystem::path& run) {
  return run / "probabilities.npy";
}
std::filesystem::path judged_file(const std::filesystem::path& run) {
  return run / "judged.json";
}

// Reads a fold's file piece by piece.
class FoldFile {
 public:
  FoldFile(const std::filesystem::path& path, int64_t rows, int64_t classes) : array_(path), classes_(classes) {
    check(array_.type() == NpyType::f4 && array_.shape() == std::vector<int64_t>{rows, classes},
          "{}: expected probabilities of shape ({}, {}), found {} of {}", array_.name(), rows, classes,
          array_.shape_text(), name_of(array_.type()));
  }

  // Calls put(row) with the next `count` rows' probabilities.
  template <class Put>
  void take(int64_t count, Put put) {
    std::vector<double> row(static_cast<size_t>(classes_));
    for (int64_t i = 0; i < count; ++i) {
      array_.read_row(next_++, row);
      put(i, row);
    }
  }

 private:
  NpyArray array_;
  int64_t classes_, next_ = 0;
};

// Puts the members of a fold in their places.
void take_members(FoldFile& file, const std::vector<int32_t>& folds, int fold, std::vector<float>& all) {
  std::vector<size_t> places;
  for (size_t i = 0; i < folds.size(); ++i)
    if (folds[i] == fold) places.push_back(i);
  file.take(std::ssize(places), [&](int64_t i, const std::vector<double>& row) {
    std::ranges::transform(row, all.begin() + static_cast<std::ptrdiff_t>(places[static_cast<size_t>(i)] * row.size()),
                           [](double value) { return static_cast<float>(value); });
  });
}

// Adds its share of the mean over all folds.
void take_mean(FoldFile& file, int64_t count, int folds, std::vector<double>& sum) {
  file.take(count, [&](int64_t i, const std::vector<double>& row) {
    for (size_t c = 0; c < row.size(); ++c) sum[static_cast<size_t>(i) * row.size() + c] += row[c] / folds;
  });
}

}  // namespace

Folds deal_folds(const NoisyData& data, const FoldData& fold_data, const std::vector<std::string>& class_names,
                 int count, uint64_t seed) {
  const auto classes = static_cast<int32_t>(class_names.size());
  std::vector<int32_t> strata = data.train.labels, groups;
  for (const int32_t label : data.validation.labels) strata.push_back(classes + label);
  if (!fold_data.train_groups.empty()) {
    const auto size_of = [](const Split& split) { return static_cast<std::ptrdiff_t>(split.size()); };
    groups.assign(fold_data.train_groups.begin(), fold_data.train_groups.begin() + size_of(data.train));
    groups.insert(groups.end(), fold_data.validation_groups.begin(),
                  fold_data.validation_groups.begin() + size_of(data.validation));
  }
  const std::vector<int32_t> dealt = deal_folds(strata, groups, count, {.seed = seed, .purpose = Purpose::split});
  const auto middle = dealt.begin() + static_cast<std::ptrdiff_t>(data.train.size());
  Folds folds{.count = count, .train = {dealt.begin(), middle}, .validation = {middle, dealt.end()}};
  check_classes(data.train, folds.train, "training", class_names);
  check_classes(data.validation, folds.validation, "validation", class_names);
  return folds;
}

NoisyData without_fold(const NoisyData& data, const Folds& folds, int fold) {
  const auto outside = [fold](int32_t its) { return its != fold; };
  return {part_of(data.train, folds.train, outside), part_of(data.validation, folds.validation, outside)};
}

std::vector<Split> judged_by(const NoisyData& data, const Folds& folds, int fold, const ExperimentData& experiment) {
  const auto inside = [fold](int32_t its) { return its == fold; };
  std::vector<Split> judged = {part_of(data.train, folds.train, inside),
                               part_of(data.validation, folds.validation, inside)};
  judged.front().data = experiment.folds.unaugmented;
  if (experiment.folds.judges_test) judged.push_back(experiment.splits.test);
  if (experiment.splits.has_unlabelled()) judged.push_back(experiment.splits.unlabelled);
  return judged;
}

FoldPrediction predict_fold(Module& model, const std::vector<Split>& judged, const TrainerOptions& trainer,
                            const std::vector<float>& reference) {
  FoldPrediction found;
  for (const Split& split : judged) {
    const std::vector<float> more =
        predict_probabilities(model, split, trainer.device, trainer.workers, "judged", trainer.ranks);
    found.probabilities.insert(found.probabilities.end(), more.begin(), more.end());
  }
  if (reference.empty()) return found;
  const int64_t classes = judged.front().data->classes();
  const ClassOrder order =
      find_class_order(agreement(found.probabilities, reference, static_cast<size_t>(classes)), classes);
  found.permuted = order.permuted;
  if (order.permuted) put_in_order(found.probabilities, order);
  return found;
}

bool is_judged(const Run& run) {
  const std::filesystem::path& folder = run.phase.folder;
  return std::filesystem::exists(probabilities_file(folder)) && std::filesystem::exists(judged_file(folder)) &&
         read_file(judged_file(folder)) == run.result.settings;
}

void write_judged(const Run& run, const std::vector<float>& probabilities, int64_t classes) {
  const std::filesystem::path& folder = run.phase.folder;
  std::filesystem::remove(judged_file(folder));
  write_npy<float>(probabilities_file(folder), probabilities, {std::ssize(probabilities) / classes, classes});
  write_file_atomically(judged_file(folder), run.result.settings);
}

CrossFitted collect_folds(const RunOptions& options, const ExperimentData& experiment, const NoisyData& data,
                          const Folds& folds, const Cell& cell, const std::string& method) {
  const int64_t classes = data.train.data->classes();
  const int64_t tests = experiment.folds.judges_test ? experiment.splits.test.size() : 0;
  const int64_t unlabelled = experiment.splits.unlabelled.size();
  CrossFitted all{.train_fold = folds.train,
                  .validation_fold = folds.validation,
                  .train = {},
                  .validation = {},
                  .test = {},
                  .unlabelled = {}};
  all.train.resize(static_cast<size_t>(data.train.size() * classes));
  all.validation.resize(static_cast<size_t>(data.validation.size() * classes));
  std::vector<double> test(static_cast<size_t>(tests * classes)), rest(static_cast<size_t>(unlabelled * classes));
  for (int fold = 1; fold <= folds.count; ++fold) {
    const std::filesystem::path path =
        probabilities_file(run_folder(options, fold_of(cell, fold, folds.count), method));
    if (!std::filesystem::exists(path))
      throw RunFailed(fmt::format("{}, {}: its network of fold {} has not been trained", cell.label(), method, fold));
    const int64_t members = std::ranges::count(folds.train, fold) + std::ranges::count(folds.validation, fold);
    FoldFile file(path, members + tests + unlabelled, classes);
    take_members(file, folds.train, fold, all.train);
    take_members(file, folds.validation, fold, all.validation);
    take_mean(file, tests, folds.count, test);
    take_mean(file, unlabelled, folds.count, rest);
  }
  all.test.assign(test.begin(), test.end());
  all.unlabelled.assign(rest.begin(), rest.end());
  return all;
}

}  // namespace cofactor
