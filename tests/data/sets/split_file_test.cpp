#include "data/sets/split_file.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

std::string split_error(std::string_view text) {
  return error_of([&] { parse_split_file(text, "s.csv"); });
}

const ImageList kSix{"/nowhere", {"a", "b"}, {"a/0", "a/1", "a/2", "b/0", "b/1", "test/b/0"}, {0, 0, 0, 1, 1, 1}};

std::string parting_error(std::string_view text, const std::string& test_folder = "test") {
  FileAccount account;
  return error_of([&] { split_images(kSix, parse_split_file(text, "s.csv"), test_folder, account); });
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("a split file has parts or indices") {
    const SplitFile named =
        parse_split_file("x,File,Split\n1,./a/./0, VAL\n2,\"a/1\",valid\n3,a/2,Train\n4,b/0,test", "s");
    CHECK(!named.by_index);
    REQUIRE(named.rows.size() == 4);
    CHECK(named.rows[0].file == "a/0");
    CHECK(named.rows[0].part == SplitPart::validation);
    CHECK(named.rows[1].part == SplitPart::validation);
    CHECK(named.rows[2].part == SplitPart::train);
    CHECK(named.rows[3].part == SplitPart::test);
    const SplitFile placed = parse_split_file("file,index\na/0,39999\na/1,40000\n", "s");
    CHECK(placed.by_index);
    CHECK(placed.rows[0].part == SplitPart::train);
    CHECK(placed.rows[1].part == SplitPart::validation);
    CHECK(placed.rows[1].index == 40'000);
    // With both columns, the name of the part decides.
    CHECK(parse_split_file("file,index,split\na/0,,test\n", "s").rows[0].part == SplitPart::test);
  }

  TEST_CASE("a malformed split file is an error that names the line") {
    CHECK(split_error("name,index\na,1\n") == "s.csv: there is no column 'file', only name, index");
    CHECK(contains(split_error("file;index\na;1\n"), "only file;index; columns must be separated by commas"));
    CHECK(split_error("file,place\na,1\n") == "s.csv: there is no column 'split' or 'index', only file, place");
    CHECK(split_error("file,index\n") == "s.csv: there are no rows after the header row");
    CHECK(split_error("file,index\na,1\n,2\n") == "s.csv, line 3: the file is missing");
    CHECK(split_error("file,index\na,1\nb,2\n./a,3\n") == "s.csv, line 4: the file 'a' is also on line 2");
    CHECK(split_error("file,index\na,1\nb,1\n") == "s.csv, line 3: the index '1' is also on line 2");
    CHECK(split_error("file,index\na, \n") == "s.csv, line 2: the index is missing");
    for (const char* index : {"-1", "1.5", "x", "50000", "99999999999999999999", "0x1"})
      CHECK(split_error(fmt::format("file,index\na,{}\n", index)) ==
            fmt::format("s.csv, line 2: the index '{}' is not a whole number in [0, 50000)", index));
    CHECK(split_error("file,split\na,training\n") ==
          "s.csv, line 2: the split 'training' is not one of train, validation (val, valid) and test");
    const TemporaryFolder folder;
    CHECK(contains(error_of([&] { read_split_file(folder / "none.csv"); }), "none.csv"));
    write_file_atomically(folder / "bad.csv", "file,split\na,\n");
    CHECK(contains(error_of([&] { read_split_file(folder / "bad.csv"); }), "bad.csv', line 2: the split ''"));
  }

  TEST_CASE("images are split according to a split file and unlisted ones in the test folder are for test") {
    FileAccount account;
    account.use(6);
    const SplitFile split = parse_split_file("file,index\nb/1,40001\na/1,40000\nb/0,0\na/0,7\n", "s.csv");
    const SplitImages images = split_images(kSix, split, "test", account);
    CHECK(images.list.names == std::vector<std::string>{"b/0", "a/0", "a/1", "b/1", "test/b/0"});
    CHECK(images.list.labels == std::vector<int32_t>{1, 0, 0, 1, 1});
    CHECK(images.train == std::vector<int64_t>{0, 1});
    CHECK(images.validation == std::vector<int64_t>{2, 3});
    CHECK(images.test == std::vector<int64_t>{4});
    CHECK(account.lines() ==
          std::vector<std::string>{
              "images: 5 used; ignored: 1 image that the split file does not list (a/2)",
              "s.csv: 2 images for training, 2 for validation, 1 for test (1 of them unlisted, in test/)"});
    check_has_test(images, split);

    FileAccount other;
    const SplitFile named = parse_split_file("file,split\nb/0,train\na/0,train\na/1,val\nb/1,val\n", "s.csv");
    const SplitImages unplaced = split_images(kSix, named, "", other);
    CHECK(unplaced.list.names == std::vector<std::string>{"a/0", "a/1", "b/0", "b/1"});
    CHECK(throws_saying("s.csv: none of its images is for test", [&] { check_has_test(unplaced, named); }));
  }

  TEST_CASE("split files that do not match the images are errors") {
    CHECK(parting_error("file,index\na/0,0\nA/1,1\n") ==
          "s.csv, line 3: 'A/1' does not exist in '/nowhere'; paths must be relative to --data");
    CHECK(contains(parting_error("file,index\na\\0,0\n"), ", with / between folders"));
    CHECK(contains(parting_error("file,index\na/0,0\ntest/b/0,1\n"), "line 3: 'test/b/0' is in the test folder"));
    CHECK(parting_error("file,split\na/0,val\nb/0,val\n") == "s.csv: none of its images is for training");
    CHECK(parting_error("file,split\na/0,train\nb/0,train\n") == "s.csv: none of its images is for validation");
    CHECK(parting_error("file,split\na/0,train\na/1,val\nb/0,val\n") ==
          "s.csv: none of the images of class 'b' is for training");
    CHECK(parting_error("file,split\na/0,train\nb/0,train\nb/1,val\n") ==
          "s.csv: none of the images of class 'a' is for validation");
  }
}

}  // namespace cofactor::testing
