// Tables, and what load_own_data makes of them, for tests.
#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/sets/own_data.h"
#include "engine/io/file.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

inline constexpr ImageTransform kOwnPlain{.resize_h = 4, .resize_w = 4};
inline constexpr ImageTransform kOwnFlipped{.resize_h = 4, .resize_w = 4, .flip = true};

using NameList = std::vector<std::string>;

inline OwnDataOptions text_options(const std::filesystem::path& table) {
  OwnDataOptions options;
  options.kind = SampleKind::text;
  options.labels = table;
  return options;
}

inline OwnDataOptions image_options(const std::filesystem::path& table) {
  OwnDataOptions options;
  options.labels = table;
  options.training = kOwnFlipped;
  options.evaluation = kOwnPlain;
  return options;
}

inline OwnDataOptions feature_options(const std::filesystem::path& features, const std::filesystem::path& labels) {
  OwnDataOptions options;
  options.kind = SampleKind::features;
  options.features = features;
  options.labels = labels;
  return options;
}

// `count` rows "text number N,label" of two classes in turn.
inline std::string text_rows(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) rows += fmt::format("text number {},{}\n", i, i % 2 == 0 ? "good" : "bad");
  return rows;
}

inline NameList names_in(const Split& split) {
  NameList names;
  for (const int64_t index : split.indices) names.push_back(split.data->sample_name(index));
  return names;
}

inline std::string own_error(const OwnDataOptions& options) {
  return error_of([&] { load_own_data(options); });
}

// All lines of the account.
inline std::string account_of(const OwnData& data) {
  std::string text;
  for (const std::string& line : data.account.lines()) text += line + "\n";
  return text;
}

}  // namespace cofactor::testing
