#include "data/sets/feature_array.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>

#include "data/checksum.h"
#include "data/loader.h"
#include "engine/random.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

constexpr float kNanF = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfF = std::numeric_limits<float>::infinity();

std::vector<int64_t> row_numbers(int64_t count) {
  std::vector<int64_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::shared_ptr<const NpyArray> features_of(const std::filesystem::path& file, const std::vector<float>& values,
                                            int64_t columns) {
  write_npy<float>(file, values, {static_cast<int64_t>(values.size()) / columns, columns});
  return open_features(file);
}

std::vector<float> read_sample(const Dataset& data, int64_t index) {
  std::vector<float> sample(static_cast<size_t>(data.sample_shape().numel()));
  data.read(index, {}, sample.data());
  return sample;
}

// Of this process's own memory, without the pages of mapped files, in bytes.
int64_t own_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;)
    if (int64_t kib = 0; key == "RssAnon:" && status >> kib) return kib * 1024;
  return -1;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("features are scaled by the mean and the standard deviation of the rows for training") {
    const TemporaryFolder folder;
    const auto features = features_of(folder / "x.npy", {1, 5, 10, 3, 5, 30, 100, 7, 20}, 3);
    const FeatureScaling scaling = measure_scaling(*features, {0, 1});
    CHECK(scaling.mean == std::vector<double>{2, 5, 20});
    CHECK(scaling.std == std::vector<double>{1, 0, 10});
    const FeatureArray data(features, scaling, {0, 1, 1}, 2);
    CHECK(data.size() == 3);
    CHECK(data.sample_name(1).empty());
    const FeatureArray named(features, scaling, {0, 1, 1}, 2, [](int64_t i) { return "s" + std::to_string(i); });
    CHECK(named.sample_name(1) == "s1");
    CHECK(data.sample_shape() == Shape{3});
    CHECK(data.dtype() == DType::f32);
    CHECK(read_sample(data, 0) == std::vector<float>{-1, 0, -1});
    CHECK(read_sample(data, 1) == std::vector<float>{1, 0, 1});
    CHECK(read_sample(data, 2) == std::vector<float>{98, 2, 0});
    CHECK(contains(error_of([&] { read_sample(data, 3); }), "x.npy': row 3 of 3"));
    // As a prediction does it later.
    write_scaling(folder / "scaling.npy", scaling);
    const FeatureScaling stored = read_scaling(folder / "scaling.npy");
    CHECK(stored.mean == scaling.mean);
    CHECK(stored.std == scaling.std);
  }

  TEST_CASE("the scaling is accurate where the mean is far larger than the deviations") {
    const TemporaryFolder folder;
    constexpr int64_t kRows = 20'000;
    std::vector<double> values;
    for (int64_t i = 0; i < kRows; ++i) {
      values.push_back(1e9 + static_cast<double>(i % 2));
      values.push_back(0.1);  // no multiple of a power of two: a naive sum's mean differs from it
    }
    write_npy<double>(folder / "x.npy", values, {kRows, 2});
    const auto features = open_features(folder / "x.npy");
    const FeatureScaling scaling = measure_scaling(*features, row_numbers(kRows));
    CHECK(scaling.mean[0] == doctest::Approx(1e9 + 0.5).epsilon(1e-14));
    CHECK(scaling.std[0] == doctest::Approx(0.5).epsilon(1e-6));
    CHECK(scaling.mean[1] == 0.1);
    CHECK(scaling.std[1] == 0);
    const FeatureArray data(features, scaling, std::vector<int32_t>(kRows), 1);
    CHECK(read_sample(data, 1)[0] == doctest::Approx(1).epsilon(1e-6));
    CHECK(read_sample(data, 1)[1] == 0);
  }

  TEST_CASE("rows with NaN or infinity are broken samples and do not touch the scaling") {
    const TemporaryFolder folder;
    const auto features = features_of(folder / "x.npy", {1, 2, 3, kNanF, 5, 6, -kInfF, 8}, 2);
    const FeatureScaling scaling = measure_scaling(*features, row_numbers(4));
    CHECK(scaling.mean == std::vector<double>{3, 4});
    const FeatureArray data(features, scaling, {0, 1, 0, 1}, 2);
    for (const int threads : {1, 3}) {
      const SampleContents found = data.contents({3, 0, 1}, threads);
      CHECK(found.broken.size() == 2);
      CHECK(found.broken[0].index == 3);
      CHECK(contains(found.broken[0].reason, "x.npy': row 3, column 0 is -inf"));
      CHECK(contains(found.broken[1].reason, "x.npy': row 1, column 1 is nan"));
      CHECK(found.checksums == std::vector<uint64_t>{0, checksum_of(features->row(0)), 0});
    }
    CHECK(contains(error_of([&] { read_sample(data, 1); }), "row 1, column 1 is nan"));
    CHECK(contains(error_of([&] {
                     measure_scaling(*features, {1, 3});
                   }),
                   "none of 2 rows for training is without NaN or infinity"));
    CHECK(contains(error_of([&] { measure_scaling(*features, {}); }), "none of 0 rows"));
    CHECK(contains(error_of([&] { measure_scaling(*features, {9}); }), "row 9 of 4"));
  }

  TEST_CASE("extreme features give finite samples or an error that names the column") {
    const TemporaryFolder folder;
    const auto open = [&](const std::vector<double>& values) {
      write_npy<double>(folder / "x.npy", values, {static_cast<int64_t>(values.size()), 1});
      return open_features(folder / "x.npy");
    };
    CHECK(contains(error_of([&] {
                     measure_scaling(*open({1e300, -1e300}), {0, 1});
                   }),
                   "the values of column 0 are so large that their standard deviation overflows"));
    const auto tiny = open({5e-324, 0});
    const FeatureArray denormal(tiny, measure_scaling(*tiny, {0, 1}), {0, 0}, 1);
    CHECK(std::isfinite(read_sample(denormal, 0)[0]));
    const auto far = open({0, 1e-3, 1e200});
    const FeatureArray beyond(far, measure_scaling(*far, {0, 1}), {0, 0, 0}, 1);
    CHECK(contains(error_of([&] { read_sample(beyond, 2); }),
                   "row 2, column 0 is 1e+200, which is beyond the range of f32 once it is scaled"));
  }

  TEST_CASE("arrays that are no features and sizes that do not agree are errors") {
    const TemporaryFolder folder;
    const std::vector<int64_t> numbers = {1, 2};
    write_npy<int64_t>(folder / "i.npy", numbers, {2, 1});
    CHECK(
        contains(error_of([&] { open_features(folder / "i.npy"); }), "i.npy': features of type i8, expected f4 or f8"));
    const std::vector<float> values = {1, 2};
    write_npy<float>(folder / "v.npy", values, {2});
    CHECK(contains(error_of([&] { open_features(folder / "v.npy"); }), "shape (2,), expected (samples, features)"));
    write_npy<float>(folder / "e.npy", {}, {0, 2});
    CHECK(contains(error_of([&] { open_features(folder / "e.npy"); }), "shape (0, 2) has no features"));
    const auto features = features_of(folder / "x.npy", {1, 2}, 1);
    const FeatureScaling scaling = measure_scaling(*features, {0});
    CHECK(contains(error_of([&] { FeatureArray(features, scaling, {0}, 1); }), "2 rows of features, but 1 labels"));
    CHECK(contains(error_of([&] { FeatureArray(features, scaling, {0, 1}, 1); }), "label 1 of sample 1"));
    CHECK(contains(error_of([&] {
                     FeatureArray(features, {{1, 2}, {1, 2}}, {0, 0}, 1);
                   }),
                   "1 features, but the scaling has 2 means"));
    CHECK(contains(error_of([&] { read_scaling(folder / "x.npy"); }), "expected means and standard deviations"));
    write_scaling(folder / "s.npy", {{1}, {-1}});
    CHECK(contains(error_of([&] { read_scaling(folder / "s.npy"); }), "the standard deviation -1 of column 0"));
  }

  TEST_CASE("a loader makes batches of features") {
    const TemporaryFolder folder;
    const auto features = features_of(folder / "x.npy", {1, 2, 3, 4, 5, 6}, 2);
    const auto data = std::make_shared<const FeatureArray>(features, FeatureScaling{{0, 0}, {1, 1}},
                                                           std::vector<int32_t>{0, 1, 0}, 2);
    Loader loader(make_split(data, 0, 3), {.batch_size = 3, .sampler = SamplerKind::sequential, .workers = 1});
    loader.start_epoch(0);
    const auto batch = loader.next();
    CHECK(batch->inputs.shape() == Shape{3, 2});
    CHECK(batch->inputs.to_vector<float>() == std::vector<float>{1, 2, 3, 4, 5, 6});
  }

  TEST_CASE("an array that is larger than what is kept of it is not copied") {
    const TemporaryFolder folder;
    constexpr int64_t kRows = 100'000, kColumns = 768;  // 307 MB, which the file system need not store
    { NpyWriter(folder / "small.npy", NpyType::f4, {0, kColumns}).commit(); }
    const std::string empty = read_file(folder / "small.npy");
    const size_t at = empty.find("(0, 768)");
    std::string head = empty;
    head.replace(at, 8, "(100000, 768)").erase(empty.size() - 1 - 5, 5);
    write_file_atomically(folder / "x.npy", head);
    CHECK(::truncate((folder / "x.npy").c_str(), static_cast<off_t>(head.size()) + kRows * kColumns * 4) == 0);
    const int64_t before = own_memory();
    const auto features = open_features(folder / "x.npy");
    const auto rows = row_numbers(kRows);
    const FeatureArray data(features, measure_scaling(*features, rows), std::vector<int32_t>(kRows), 1);
    std::vector<float> sample(kColumns);
    for (const int64_t row : rows) data.read(row, {}, sample.data());
    CHECK(sample == std::vector<float>(kColumns));
    // A quarter of the file: AddressSanitizer keeps an eighth of what is mapped.
    CHECK(own_memory() - before < kRows * kColumns * 4 / 4);
  }
}

}  // namespace cofactor::testing
