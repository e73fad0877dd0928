#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "data/files/npy.h"
#include "tests/data/sets/own_data_files.h"

namespace cofactor::testing {

namespace {

// `rows` rows of two features, the first of which is the row's number.
void write_rows(const std::filesystem::path& file, int64_t rows, int64_t not_finite = -1) {
  std::vector<float> values;
  for (int64_t i = 0; i < rows; ++i) {
    values.push_back(static_cast<float>(i));
    values.push_back(i == not_finite ? std::numeric_limits<float>::quiet_NaN() : 1.0f);
  }
  write_npy<float>(file, values, {rows, 2});
}

void write_labels(const std::filesystem::path& file, const std::vector<int64_t>& labels) {
  write_npy<int64_t>(file, labels, {static_cast<int64_t>(labels.size())});
}

std::vector<int64_t> in_turn(int64_t count, const std::vector<int64_t>& values) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(values[static_cast<size_t>(i) % values.size()]);
  return labels;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("features get labels from an array whose classes sort as numbers") {
    const TemporaryFolder folder;
    write_rows(folder / "x.npy", 40);
    write_labels(folder / "y.npy", in_turn(40, {10, 9, -1, 9}));
    const OwnDataOptions options = feature_options(folder / "x.npy", folder / "y.npy");
    const OwnData data = load_own_data(options);
    CHECK(data.kind == SampleKind::features);
    CHECK(data.classes == NameList{"9", "10"});
    CHECK(own_classes(options) == data.classes);
    CHECK(data.unlabelled.size() == 10);
    CHECK(data.unlabelled.indices[0] == 2);
    CHECK(names_in(data.unlabelled)[0] == "3");
    CHECK(data.train.size() == 20 + 10 - 6 - 3);
    REQUIRE(data.scaling.has_value());
    double mean = 0;
    for (const int64_t row : data.train.indices) mean += static_cast<double>(row);
    CHECK(data.scaling->mean[0] == doctest::Approx(mean / static_cast<double>(data.train.size())));
    CHECK(data.scaling->std[1] == 0);
    std::vector<float> sample(2);
    data.validation.data->read(5, {}, sample.data());
    CHECK(sample[0] == doctest::Approx((5 - data.scaling->mean[0]) / data.scaling->std[0]));
    CHECK(contains(account_of(data), "rows: 40 used"));
  }

  TEST_CASE("features get labels ids and splits from a table") {
    const TemporaryFolder folder;
    write_rows(folder / "x.npy", 6);
    write_file_atomically(folder / "y.csv",
                          "id,label,split\na,yes,train\nb,no,train\nc,yes,val\nd,no,val\ne,yes,test\nf,,train\n");
    const OwnData data = load_own_data(feature_options(folder / "x.npy", folder / "y.csv"));
    CHECK(data.classes == NameList{"no", "yes"});
    CHECK(names_in(data.train) == NameList{"a", "b"});
    CHECK(names_in(data.test) == NameList{"e"});
    CHECK(names_in(data.unlabelled) == NameList{"f"});
    CHECK(data.scaling->mean[0] == 0.5);
    // An array's rows are known by their numbers, by which a file of splits names them.
    write_labels(folder / "y.npy", {0, 1, 0, 1, 0, 1});
    write_file_atomically(folder / "s.csv", "id,split\n1,train\n2,train\n3,val\n4,val\n5,test\n");
    OwnDataOptions options = feature_options(folder / "x.npy", folder / "y.npy");
    options.split = (folder / "s.csv").string();
    CHECK(names_in(load_own_data(options).train) == NameList{"1", "2"});
    options.split = "split";
    CHECK(contains(own_error(options), "split"));
  }

  TEST_CASE("rows of features that are not finite are broken samples") {
    const TemporaryFolder folder;
    write_rows(folder / "x.npy", 20, 7);
    std::string table = "label\n";
    for (int i = 0; i < 20; ++i) table += i % 2 == 0 ? "a\n" : "b\n";
    write_file_atomically(folder / "y.csv", table);
    OwnDataOptions options = feature_options(folder / "x.npy", folder / "y.csv");
    const std::string message = own_error(options);
    CHECK(contains(message, "y.csv', line 9: '"));
    CHECK(contains(message, "x.npy': row 7, column 1 is nan; 1 of 20 rows is broken, and --skip-broken leaves it out"));
    options.skip_broken = true;
    const OwnData data = load_own_data(options);
    REQUIRE(data.broken.size() == 1);
    CHECK(data.broken[0].index == 7);
    CHECK(data.train.size() + data.validation.size() + data.test.size() == 19);
    write_labels(folder / "y.npy", in_turn(20, {0, 1}));
    options.labels = folder / "y.npy";
    CHECK(contains(load_own_data(options).broken[0].reason, "y.npy', element 7: '"));
    // A value that only overflows once it is scaled is one, too.
    std::vector<double> values(40);
    for (size_t i = 0; i < 40; ++i) values[i] = static_cast<double>(i % 7) * 1e-10;
    values[2 * static_cast<size_t>(data.test.indices[0])] = 1e300;
    write_npy<double>(folder / "x.npy", values, {20, 2});
    const OwnData large = load_own_data(options);
    REQUIRE(large.broken.size() == 1);
    CHECK(contains(large.broken[0].reason, "beyond the range of f32"));
  }

  TEST_CASE("labels that do not fit the features are an error with the value") {
    const TemporaryFolder folder;
    write_rows(folder / "x.npy", 20);
    const auto file = folder / "y.npy";
    const OwnDataOptions options = feature_options(folder / "x.npy", file);
    write_labels(file, in_turn(19, {0, 1}));
    CHECK(contains(own_error(options),
                   "y.npy': 19 labels, but '" + (folder / "x.npy").string() + "' has 20 rows of features"));
    write_npy<double>(file, std::vector<double>(20, 1.0), {20});
    CHECK(contains(own_error(options), "labels of type f8, expected whole numbers; save y.astype('int64')"));
    write_npy<int64_t>(file, in_turn(20, {0, 1}), {20, 1});
    CHECK(contains(own_error(options), "labels of shape (20, 1), expected (N)"));
    write_labels(file, in_turn(20, {0, 1, -5}));
    CHECK(contains(own_error(options), "y.npy', element 2: the label -5; labels are whole numbers from 0"));
    write_labels(file, in_turn(20, {-1, 1}));
    CHECK(contains(own_error(options),
                   "the labels are of 1 class, '1', expected two or more; -1 in an array is a "
                   "missing label: to have it as a class, use other numbers or a table"));
    write_npy<int64_t>(file, std::vector<int64_t>{}, {0});
    CHECK(contains(own_error(options), "the array is empty"));
    write_file_atomically(file, "0 1 2");
    CHECK(contains(own_error(options), "y.npy'"));
    OwnDataOptions wrong = options;
    write_labels(file, in_turn(20, {0, 1}));
    wrong.features = folder / "y.npy";
    CHECK(contains(own_error(wrong), "features of type i8, expected f4 or f8"));
    wrong = options;
    wrong.features.clear();
    CHECK(own_error(wrong) == "--features: name the array of features");
    wrong = options;
    wrong.labels.clear();
    CHECK(own_error(wrong) == "--labels: name the table or the array with the labels of --features");
    wrong = options;
    wrong.test = "t.csv";
    CHECK(contains(own_error(wrong), "--test 't.csv': samples for test are rows of --features"));
    wrong = options;
    wrong.group_column = "patient";
    CHECK(contains(own_error(wrong), "an array of labels has no column 'patient' for groups"));
    wrong = options;
    wrong.id_column = "key";
    CHECK(contains(own_error(wrong), "an array of labels has no column 'key'"));
  }
}

}  // namespace cofactor::testing
