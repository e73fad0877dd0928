#include "data/sets/folder_layout.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

using Names = std::vector<std::string>;

// A folder with one image at each path.
class PlacedImages {
 public:
  explicit PlacedImages(const Names& paths) {
    for (const std::string& path : paths) write_image(folder_ / path, random_image(2, 2));
  }
  FolderLayout layout() const { return find_layout({.base = folder_.path()}); }
  std::string error() const {
    return error_of([&] { layout(); });
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("a folder's classes are in it or in its folder for training") {
    const FolderLayout flat = PlacedImages({"a/1", "b/1", "1.jpg", "__MACOSX/1", "runs/deep/1"}).layout();
    CHECK(flat.train.empty());
    CHECK(flat.validation.empty());
    CHECK(flat.test.empty());
    CHECK(flat.classes == Names{"a", "b"});
    CHECK(PlacedImages({"a/1", "b/1", "runs/1.jpg"}).layout().classes == Names{"a", "b", "runs"});

    for (const char* validation : {"val", "valid", "validation", "VAL"}) {
      const FolderLayout parts =
          PlacedImages({"Train/a/1", "Train/b/1", std::string(validation) + "/a/1", std::string(validation) + "/b/1",
                        "test/a/1", "test/b/1", "extra/a/1", "list.txt"})
              .layout();
      CHECK(parts.train == "Train");
      CHECK(parts.validation == validation);
      CHECK(parts.test == "test");
      CHECK(parts.classes == Names{"a", "b"});
      CHECK(parts.account.ignored() == "1 file outside the folders of images (list.txt), 1 unused folder (extra)");
    }
    // A folder "train" of images is a class.
    CHECK(PlacedImages({"train/1", "plane/1"}).layout().classes == Names{"plane", "train"});
    const FolderLayout beside = PlacedImages({"a/1", "b/1", "test/a/1", "test/b/1"}).layout();
    CHECK(beside.classes == Names{"a", "b"});
    CHECK(beside.test == "test");
  }

  TEST_CASE("folders of images without classes are not parts") {
    const FolderLayout flat = PlacedImages({"train/a/1", "train/b/1", "test/1.jpg", "test/2", "val/all/1"}).layout();
    CHECK(flat.test.empty());
    CHECK(flat.validation.empty());
    CHECK(flat.account.ignored() == "3 images without a class (such as test/1.jpg)");
    const Names lines = flat.account.lines();
    REQUIRE(lines.size() == 3);
    CHECK(lines[1] == "test/ is not used for test: it contains no class folders, so its images have no labels");
    CHECK(
        lines[2] ==
        "val/ is not used for validation: its folders (all) are not those of the classes, so its image has no labels");
    CHECK(contains(PlacedImages({"train/a/1", "train/b/1", "test/A/1", "test/B/1"}).layout().account.lines().at(1),
                   "'A' and 'a' look alike but are not the same"));
  }

  TEST_CASE("ambiguous layouts are errors that say why") {
    CHECK(contains(PlacedImages({"train/a/1", "train/b/1", "val/a/1"}).error(),
                   "val' is for validation by its name, but its classes are a, and those for training are a, b"));
    CHECK(contains(PlacedImages({"train/a/1", "train/caf\u00e9/1", "test/a/1", "test/cafe\u0301/1"}).error(),
                   "; 'cafe\\u0301' and 'caf\\u00E9' look alike but are not the same"));
    CHECK(contains(PlacedImages({"train/a/1", "train/b/1", "val/a/1", "val/b/1", "valid/a/1", "valid/b/1"}).error(),
                   "'val' and 'valid' in"));
    CHECK(contains(PlacedImages({"Training/a/1", "Training/b/1", "Testing/a/1", "Testing/b/1"}).error(),
                   "the folders Testing, Training in"));
    CHECK(contains(
        PlacedImages({"photos/a/1", "photos/b/1"}).error(),
        "contains 1 folder (photos), expected one for each of two or more classes; its folder 'photos' contains "
        "a, b: if these are the classes, give that folder to --data"));
    CHECK(contains(PlacedImages({"1.jpg"}).error(), "contains 0 folders, expected"));
    // Folders of the same names inside classes are not parts.
    CHECK(PlacedImages({"a/batch0/1", "a/batch1/1", "b/batch0/1", "b/batch1/1"}).error().empty());
  }

  TEST_CASE("a test folder is found in the folder that holds it") {
    const PlacedImages images({"train/a/1", "train/b/1", "test/a/1", "test/b/1"});
    const std::filesystem::path& base = images.folder().path();
    CHECK(test_folder_in(base, {"a", "b"}) == base / "test");
    CHECK(test_folder_in(base / "test", {"a", "b"}) == base / "test");
    CHECK(test_folder_in(base, {"c"}) == base);
  }
}

}  // namespace cofactor::testing
