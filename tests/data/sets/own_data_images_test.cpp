#include <doctest/doctest.h>
#include <sys/stat.h>

#include "data/images/image_file_dataset.h"
#include "data/sets/image_folder.h"
#include "tests/data/sets/own_data_files.h"

namespace cofactor::testing {

namespace {

void write_images(const std::filesystem::path& folder, int count, uint64_t seed = 0) {
  for (int i = 0; i < count; ++i)
    write_image(folder / fmt::format("{}.bmp", i), random_image(5, 6, seed + static_cast<uint64_t>(i)));
}

// `count` images in folder/pictures, and a table folder/t.csv of them with two labels in turn.
void write_table_of_images(const TemporaryFolder& folder, int count) {
  write_images(folder / "pictures", count);
  std::string table = "path,label\n";
  for (int i = 0; i < count; ++i) table += fmt::format("pictures/{}.bmp,{}\n", i, i % 2 == 0 ? "cat" : "dog");
  write_file_atomically(folder / "t.csv", table);
}

void check_same_split(const Split& one, const Split& other) {
  CHECK(one.indices == other.indices);
  CHECK(one.labels == other.labels);
}

std::vector<float> pixels_of(const Dataset& data, int64_t index) {
  std::vector<float> values(static_cast<size_t>(data.sample_shape().numel()));
  data.read(index, {}, values.data());
  return values;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("own images in class folders are those of load_image_folder") {
    const TemporaryFolder folder, elsewhere;
    write_images(folder / "ants", 20);
    write_images(folder / "bees", 10);
    write_images(elsewhere / "ants", 2);
    write_images(elsewhere / "bees", 2);
    OwnDataOptions options = image_options({});
    options.data = folder.path();
    options.split_seed = 3;
    const ImageFolder expected =
        load_image_folder(folder.path(), {.training = kOwnFlipped, .evaluation = kOwnPlain, .split_seed = 3});
    const OwnData data = load_own_data(options);
    CHECK(own_classes(options) == NameList{"ants", "bees"});
    CHECK(data.classes == expected.classes);
    check_same_split(data.train, expected.train);
    check_same_split(data.validation, expected.validation);
    check_same_split(data.test, expected.test);
    CHECK(data.account.lines() == expected.account.lines());
    CHECK(data.unlabelled.size() == 0);
    CHECK(data.unaugmented->sample_name(0) == "ants/0.bmp");
    CHECK(!data.clean_test);
    options.test = elsewhere.path();
    CHECK(load_own_data(options).clean_test);
    CHECK(load_own_data(options).test.size() == 4);
    options.test.clear();
    options.clean_test = true;
    CHECK(contains(own_error(options), "--clean-test: neither a test folder nor --split says"));
    write_file_atomically(folder / "s.csv",
                          "file,split\nants/0.bmp,train\nbees/0.bmp,train\nants/1.bmp,val\nbees/1.bmp,val\n"
                          "ants/2.bmp,test\n");
    options.split = (folder / "s.csv").string();
    CHECK(load_own_data(options).clean_test);
    CHECK(names_in(load_own_data(options).test) == NameList{"ants/2.bmp"});
  }

  TEST_CASE("images of a table are read from its folder the data folder or an absolute path") {
    const TemporaryFolder folder, photos;
    write_table_of_images(folder, 20);
    OwnDataOptions options = image_options(folder / "t.csv");
    const OwnData data = load_own_data(options);
    CHECK(data.classes == NameList{"cat", "dog"});
    CHECK(data.validation.class_counts() == std::vector<int64_t>{2, 2});
    CHECK(data.test.class_counts() == std::vector<int64_t>{1, 1});
    CHECK(data.train.size() == 14);
    CHECK(data.unaugmented->sample_name(3) == "pictures/3.bmp");
    CHECK(data.train.data != data.unaugmented);
    CHECK(data.train.data->sample_name(3) == "pictures/3.bmp");
    CHECK(contains(account_of(data), "images: 20 used"));
    // The data folder comes first, then the table's; an absolute path needs neither.
    write_image(photos / "pictures/0.bmp", random_image(5, 6, 100));
    write_image(photos / "deep/1.bmp", random_image(5, 6, 101));
    write_file_atomically(folder / "t.csv", [&] {
      std::string table = "image,class\n" + (photos / "deep/1.bmp").string() + ",dog\n";
      for (int i = 0; i < 20; ++i) table += fmt::format("pictures/{}.bmp,{}\n", i, i % 2 == 0 ? "cat" : "dog");
      return table;
    }());
    options.data = photos.path();
    const OwnData both = load_own_data(options);
    CHECK(contains(account_of(both), "t.csv': 19 images are in its own folder, the others in --data"));
    CHECK(both.unaugmented->sample_name(0) == (photos / "deep/1.bmp").string());
    CHECK(both.unaugmented->sample_name(1) == "pictures/0.bmp");
    const ImageList expected{
        .root = photos.path(), .classes = {"cat", "dog"}, .names = {"deep/1.bmp", "pictures/0.bmp"}, .labels = {1, 0}};
    const ImageFileDataset images(std::make_shared<const ImageList>(expected), kOwnPlain);
    CHECK(pixels_of(*both.unaugmented, 0) == pixels_of(images, 0));
    CHECK(pixels_of(*both.unaugmented, 1) == pixels_of(images, 1));
    CHECK(pixels_of(*both.unaugmented, 2) == pixels_of(*data.unaugmented, 1));
  }

  TEST_CASE("images of TSV and JSON Lines with a column by number and no header") {
    const TemporaryFolder folder;
    write_images(folder / "p", 12);
    std::string tsv, lines;
    for (int i = 0; i < 12; ++i) {
      tsv += fmt::format("{}\tp/{}.bmp\n", 9 + i % 2, i);
      lines += fmt::format("{{\"file\": \"p/{}.bmp\", \"label\": {}}}\n", i, 9 + i % 2);
    }
    write_file_atomically(folder / "t.tsv", tsv);
    write_file_atomically(folder / "t.jsonl", lines);
    OwnDataOptions options = image_options(folder / "t.jsonl");
    const OwnData data = load_own_data(options);
    CHECK(data.classes == NameList{"9", "10"});
    options.labels = folder / "t.tsv";
    options.path_column = "2";
    options.label_column = "1";
    CHECK(own_classes(options) == NameList{"9", "10"});
    check_same_split(load_own_data(options).train, data.train);
  }

  TEST_CASE("missing and broken images of a table are named with their lines and counted") {
    const TemporaryFolder folder;
    write_table_of_images(folder, 20);
    OwnDataOptions options = image_options(folder / "t.csv");
    const OwnData whole = load_own_data(options);
    std::filesystem::remove(folder / "pictures/5.bmp");
    write_file_atomically(folder / "pictures/2.bmp", "not an image");
    std::filesystem::remove(folder / "pictures/9.bmp");
    REQUIRE(::mkfifo((folder / "pictures/9.bmp").c_str(), 0600) == 0);
    const std::string table = "'" + (folder / "t.csv").string() + "'";
    const std::string message = own_error(options);
    CHECK(message.starts_with(table + ", line 4: "));
    CHECK(contains(message, "pictures/2.bmp"));
    CHECK(message.ends_with("; 3 of 20 images are broken, and --skip-broken leaves them out"));
    options.skip_broken = true;
    for (const int threads : {1, 3}) {
      options.threads = threads;
      const OwnData data = load_own_data(options);
      REQUIRE(data.broken.size() == 3);
      CHECK(data.broken[0].index == 2);
      CHECK(data.broken[1].index == 5);
      CHECK(data.broken[1].reason == table + ", line 7: the image 'pictures/5.bmp' does not exist in '" +
                                         folder.path().string() + "', the table's folder; --data names another");
      CHECK(data.broken[2].reason.starts_with(table + ", line 11: image: '"));
      CHECK(contains(account_of(data), "images: 17 used"));
      CHECK(data.train.size() + data.validation.size() + data.test.size() == 17);
      // The others keep their parts.
      std::vector<int64_t> left = whole.train.indices;
      std::erase_if(left, [](int64_t i) { return i == 2 || i == 5 || i == 9; });
      CHECK(data.train.indices == left);
    }
    options.data = folder / "nowhere";
    CHECK(own_error(options) == "--data '" + (folder / "nowhere").string() + "': there is no such folder");
    std::filesystem::create_directory(folder / "nowhere");
    CHECK(contains(load_own_data(options).broken[1].reason,
                   "does not exist in '" + (folder / "nowhere").string() + "', nor in '" + folder.path().string()));
    for (int i = 1; i < 20; i += 2) std::filesystem::remove(folder / fmt::format("pictures/{}.bmp", i));
    CHECK(contains(own_error(options), "no row with the label 'dog' is left for training; one that is broken: "));
  }

  TEST_CASE("a path that two rows have counts once or is an error if their labels differ") {
    const TemporaryFolder folder;
    write_table_of_images(folder, 20);
    const std::string table = read_file(folder / "t.csv");
    const OwnDataOptions options = image_options(folder / "t.csv");
    write_file_atomically(folder / "t.csv", table + "./pictures//4.bmp,cat\n");
    const OwnData data = load_own_data(options);
    CHECK(contains(account_of(data), "images: 20 used; ignored: 1 row of an image listed before (./pictures//4.bmp)"));
    write_file_atomically(folder / "t.csv", table + "pictures/4.bmp,dog\n");
    CHECK(contains(own_error(options),
                   "t.csv', line 22: 'pictures/4.bmp' is also on line 6, with the label 'cat' there and 'dog' here"));
    write_file_atomically(folder / "t.csv", table + "pictures/4.bmp,\n");
    CHECK(contains(own_error(options), "with the label 'cat' there and none here"));
    write_file_atomically(folder / "t.csv", table + "pictures\\20.bmp,cat\n");
    CHECK(contains(own_error(options), "t.csv', line 22: the image 'pictures\\20.bmp' does not exist in '" +
                                           folder.path().string() + "'; paths have / between folders"));
  }

  TEST_CASE("a file of splits names images by their paths") {
    const TemporaryFolder folder;
    write_table_of_images(folder, 8);
    write_file_atomically(folder / "s.csv",
                          "file,split\npictures/0.bmp,train\n./pictures/1.bmp,train\npictures/2.bmp,val\n"
                          "pictures/x/../3.bmp,val\npictures/4.bmp,test\n");
    OwnDataOptions options = image_options(folder / "t.csv");
    options.split = (folder / "s.csv").string();
    const OwnData data = load_own_data(options);
    CHECK(names_in(data.train) == NameList{"pictures/0.bmp", "pictures/1.bmp"});
    CHECK(names_in(data.validation) == NameList{"pictures/2.bmp", "pictures/3.bmp"});
    CHECK(names_in(data.test) == NameList{"pictures/4.bmp"});
    CHECK(contains(account_of(data), "5 used; ignored: 3 images that the split file does not name"));
  }

  TEST_CASE("test images with correct labels come from class folders or a table") {
    const TemporaryFolder folder;
    write_images(folder / "p", 20);
    std::string table = "path,label\n";
    for (int i = 0; i < 20; ++i) table += fmt::format("p/{}.bmp,{}\n", i, i % 2 == 0 ? "2" : "10");
    write_file_atomically(folder / "t.csv", table);
    write_images(folder / "test/2", 3, 50);
    write_images(folder / "test/10", 4, 60);
    OwnDataOptions options = image_options(folder / "t.csv");
    options.test = folder / "test";
    const OwnData folders = load_own_data(options);
    // Folders sort by their bytes, labels as numbers.
    CHECK(folders.classes == NameList{"2", "10"});
    CHECK(folders.clean_test);
    CHECK(folders.test.class_counts() == std::vector<int64_t>{3, 4});
    CHECK(folders.test.data->sample_name(0) == "10/0.bmp");
    CHECK(folders.test.labels[0] == 1);
    CHECK(folders.train.size() == 16);
    CHECK(contains(account_of(folders), "images: 27 used"));

    write_file_atomically(folder / "test/test.csv", "path,label\n2/0.bmp,2\n10/1.bmp,10\n2/1.bmp,\n");
    options.test = folder / "test/test.csv";
    const OwnData tables = load_own_data(options);
    CHECK(tables.clean_test);
    CHECK(names_in(tables.test) == NameList{"2/0.bmp", "10/1.bmp"});
    CHECK(tables.test.labels == std::vector<int32_t>{0, 1});
    CHECK(contains(account_of(tables), "test.csv': 1 row has no label and is left out"));
    write_file_atomically(folder / "test/test.csv", "path,label\n2/0.bmp,2\n2/1.bmp,3\n");
    CHECK(contains(own_error(options), "test.csv', line 3: the label '3' is not one of the 2 classes of '"));
    write_file_atomically(folder / "test/test.csv", "path,label\n2/0.bmp,2\n2/9.bmp,10\n");
    CHECK(contains(own_error(options), "test.csv', line 3: the image '2/9.bmp' does not exist"));
    write_file_atomically(folder / "test/test.csv", "path,label\n2/0.bmp,\n");
    CHECK(contains(own_error(options), "test.csv': none of its 1 row has a label"));
    options.test = folder / "p";
    CHECK(contains(own_error(options), "contains no folders"));
    OwnDataOptions class_folders = image_options({});
    class_folders.data = folder / "test";
    class_folders.test = folder / "t.csv";
    CHECK(contains(own_error(class_folders), "t.csv': a file; like the images of --data, those for test are in class"));
    write_images(folder / "test/3", 1, 70);
    options.test = folder / "test";
    CHECK(contains(own_error(options), "the classes of the test images"));
    std::filesystem::remove_all(folder / "test/3");
    write_file_atomically(folder / "test/2/0.bmp", "broken");
    CHECK(contains(own_error(options), "1 of 7 images are broken, and --skip-broken leaves them out"));
    options.skip_broken = true;
    CHECK(load_own_data(options).test.size() == 6);
    // Only one way to name the test images.
    write_file_atomically(folder / "t.csv", "path,label,split\np/0.bmp,2,train\np/1.bmp,10,test\n");
    CHECK(contains(own_error(options), "t.csv', line 3: the split is test, but --test '"));
  }

  TEST_CASE("options that contradict each other are an error") {
    const TemporaryFolder folder;
    write_table_of_images(folder, 6);
    OwnDataOptions options = image_options(folder / "t.csv");
    options.id_column = "path";
    CHECK(own_error(options) == "--id-column 'path': images are known by their paths");
    options = image_options({});
    CHECK(own_error(options) == "--data: name the folder of the images, or --labels a table");
    options.data = folder.path();
    options.group_column = "patient";
    CHECK(contains(own_error(options), "--labels: name the table that has the columns"));
    options = image_options(folder / "t.csv");
    options.features = "x.npy";
    CHECK(own_error(options) == "--features 'x.npy': the samples are images");
    CHECK(own_error(text_options({})) == "--labels: name the table of texts and labels");
    options = image_options(folder / "none.csv");
    CHECK(contains(own_error(options), "none.csv' cannot be opened"));
    options.labels = folder.path();
    CHECK(contains(own_error(options), "Is a directory"));
    options.labels = folder / "y.npy";
    CHECK(contains(own_error(options), "y.npy' is an array; labels of images and texts are read from a table"));
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    options.labels = folder / "pipe";
    CHECK(contains(own_error(options), "pipe' is not a regular file"));
    CHECK(contains(error_of([&] { own_classes(options); }), "pipe' is not a regular file"));
  }
}

}  // namespace cofactor::testing
