// Judges labels with the library and writes what it finds, for bench/label_quality.py to compare with cleanlab:
//   cofactor_label_quality CLASSES OUTPUTS PROBABILITIES LABELS FOLDER
// OUTPUTS is given_label or true_class. PROBABILITIES is N * CLASSES little-endian f32 without a header, LABELS N i32.
// FOLDER receives the qualities (f32), suspects (u8), both one per sample, and numbers.json.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "data/noise/label_errors.h"
#include "engine/error.h"
#include "engine/io/file.h"

namespace cofactor {

namespace {

template <class T>
std::vector<T> read_numbers(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  check(bytes.size() % sizeof(T) == 0, "{}: {} bytes, expected a multiple of {}", path.string(), bytes.size(),
        sizeof(T));
  std::vector<T> numbers(bytes.size() / sizeof(T));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

template <class T>
void write_numbers(const std::filesystem::path& path, const std::vector<T>& numbers) {
  write_file_atomically(path, {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)});
}

void write_scores_and_suspects(const LabelledPredictions& predictions, const LabelErrors& errors,
                               const std::filesystem::path& folder) {
  const LabelJoint& joint = errors.judgement.joint;
  const auto suspects = [&](SuspectRule rule) {
    return suspect_labels(predictions, joint, errors.judgement.quality, rule);
  };
  write_numbers(folder / "posterior.f32", errors.judgement.quality);
  for (const QualityScore score : {QualityScore::self_confidence, QualityScore::normalized_margin})
    write_numbers(folder / fmt::format("{}.f32", name_of(score)), label_quality(predictions, score));
  write_numbers(folder / "by_class.u8", suspects(SuspectRule::by_class));
  write_numbers(folder / "by_pair.u8", suspects(SuspectRule::by_pair));
  write_numbers(folder / "both.u8", suspects(SuspectRule::both));
}

void judge_files(int64_t classes, Outputs outputs, const std::vector<std::filesystem::path>& paths) {
  const auto probabilities = read_numbers<float>(paths[0]);
  const auto labels = read_numbers<int32_t>(paths[1]);
  const LabelledPredictions predictions{probabilities, labels, classes};
  const auto start = std::chrono::steady_clock::now();
  const LabelErrors errors = find_label_errors(predictions, {.outputs = outputs});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  ensure_writable_directory(paths[2]);
  write_scores_and_suspects(predictions, errors, paths[2]);
  const auto labelled = static_cast<double>(labels.size() - static_cast<size_t>(std::ranges::count(labels, -1)));
  write_file_atomically(
      paths[2] / "numbers.json",
      fmt::format(R"({{"count": {:.3f}, "low": {:.3f}, "high": {:.3f}, "confident": {:.3f}, "perfect": {:.3f}, )"
                  R"("seconds": {:.3f}}})",
                  errors.wrong.count, errors.wrong.low, errors.wrong.high,
                  confident_joint(predictions).wrong_share() * labelled,
                  joint_of_perfect_outputs(predictions).wrong_share() * labelled, seconds.count()));
}

}  // namespace

}  // namespace cofactor

int main(int count, char** arguments) {
  const std::vector<std::string> texts(arguments, arguments + count);
  if (count != 6 || (texts[2] != "given_label" && texts[2] != "true_class")) {
    fmt::print(stderr, "usage: cofactor_label_quality CLASSES given_label|true_class PROBABILITIES LABELS FOLDER\n");
    return 2;
  }
  try {
    cofactor::judge_files(std::atoll(texts[1].c_str()),
                          texts[2] == "given_label" ? cofactor::Outputs::given_label : cofactor::Outputs::true_class,
                          {texts[3], texts[4], texts[5]});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
