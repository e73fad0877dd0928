#include "data/images/image_list.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

void touch(const std::filesystem::path& path) {
  std::filesystem::create_directories(path.parent_path());
  write_file_atomically(path, "x");
}

// The message of reading a list of two classes with these lines, after the name of the file.
std::string list_rejection(std::string_view lines) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "list.txt", lines);
  const std::string message = error_of([&] { read_image_list(folder / "list.txt", folder.path(), {"a", "b"}); });
  const std::string prefix = "images: '" + (folder / "list.txt").string() + "'";
  INFO("message: ", message);
  CHECK(message.starts_with(prefix));
  return message.substr(std::min(prefix.size(), message.size()));
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("class folders are listed by the names of classes then images at any depth") {
    const TemporaryFolder folder;
    for (const char* name :
         {"zebra/2.PNG", "zebra/10.jpg", "ant/b.jpeg", "ant/a.bmp", "ant/B.JPG", "ant/c.jfif", "ant/deeper/c.jpe",
          "ant/notes.txt", "ant/.hidden.jpg", "README.jpg", ".git/x.jpg", "__MACOSX/ant/x.jpg", "zebra/Thumbs.db"})
      touch(folder / name);
    const ImageList list = list_class_folders(folder.path());
    CHECK(list.classes == std::vector<std::string>{"ant", "zebra"});
    CHECK(list.names == std::vector<std::string>{"ant/B.JPG", "ant/a.bmp", "ant/b.jpeg", "ant/c.jfif",
                                                 "ant/deeper/c.jpe", "zebra/10.jpg", "zebra/2.PNG"});
    CHECK(list.labels == std::vector<int32_t>{0, 0, 0, 0, 0, 1, 1});
    CHECK(list.size() == 7);
    CHECK(list.path(6) == folder.path() / "zebra" / "2.PNG");

    FileAccount account;
    const ImageList below = list_class_images(
        {.images = {.base = folder.path().parent_path()}, .folder = folder.path().filename().string()}, account);
    CHECK(below.labels == list.labels);
    CHECK(below.names[0] == folder.path().filename().string() + "/ant/B.JPG");
    CHECK(account.used() == 7);
    const std::string ignored = account.ignored();
    for (const char* part : {"2 hidden or system folders (such as ", "2 hidden or system files (such as ",
                             "1 file outside the class folders (", "README.jpg)", "1 other file (", "ant/notes.txt)"})
      CHECK(contains(ignored, part));
  }

  TEST_CASE("folders that are not class folders are errors") {
    const TemporaryFolder folder;
    const std::string base = folder.path().string();
    const auto error = [&] { return error_of([&] { list_class_folders(folder.path()); }); };
    CHECK(error() == "images: '" + base + "' contains no folders, expected one folder of images per class");
    touch(folder / "a.jpg");
    CHECK(contains(error(), "contains no folders"));
    touch(folder / "full/a.jpg");
    CHECK(error().empty());
    touch(folder / "empty/a.txt");
    CHECK(error() == "images: the class folder '" + base +
                         "/empty' contains no JPEG, PNG or BMP images, only 1 other file (empty/a.txt); add "
                         "some, or remove the folder");
    CHECK(error_of([&] { list_class_folders(folder / "none"); }) ==
          "images: cannot read the folder '" + base + "/none': No such file or directory");
    CHECK(error_of([&] { list_class_folders(folder / "a.jpg"); }) ==
          "images: cannot read the folder '" + base + "/a.jpg': Not a directory");
    std::filesystem::remove_all(folder / "empty");
    touch(folder / "caf\xE9/a.jpg");
    CHECK(contains(error(), "images: the name of the class folder 'caf\\xE9' in '" + base + "' is not UTF-8"));
  }

  TEST_CASE("a list of images has a path and a label on each line") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "list.txt", "images/3/45/12,9.jpg 1\r\nimages/an image.png\t0\n  last.bmp   1 ");
    const ImageList list = read_image_list(folder / "list.txt", "/root", {"a", "b"});
    CHECK(list.names == std::vector<std::string>{"images/3/45/12,9.jpg", "images/an image.png", "last.bmp"});
    CHECK(list.labels == std::vector<int32_t>{1, 0, 1});
    CHECK(list.classes == std::vector<std::string>{"a", "b"});
    CHECK(list.path(0) == "/root/images/3/45/12,9.jpg");
  }

  TEST_CASE("malformed lists of images are errors that name the line") {
    CHECK(list_rejection("") == " is empty, expected a path and a label on each line");
    CHECK(list_rejection("a.jpg 1\n\nb.jpg 0\n") == ", line 2: a blank line, expected a path and a label");
    CHECK(list_rejection("a.jpg 1\nb.jpg\n") == ", line 2: 'b.jpg', expected a path and a label");
    CHECK(list_rejection(" 1\n") == ", line 1: '1', expected a path and a label");
    CHECK(list_rejection("a.jpg one\n") == ", line 1: the label 'one' is not a whole number");
    CHECK(list_rejection("a.jpg 1.5\n") == ", line 1: the label '1.5' is not a whole number");
    CHECK(list_rejection("a.jpg 99999999999\n") == ", line 1: the label '99999999999' is not a whole number");
    CHECK(list_rejection("a.jpg 0\nb.jpg 2\n") == ", line 2: label 2 does not lie in [0, 2)");
    CHECK(list_rejection("a.jpg -1\n") == ", line 1: label -1 does not lie in [0, 2)");
    CHECK(contains(error_of([] { read_image_list("/nowhere/list.txt", "/", {"a"}); }), "/nowhere/list.txt"));
  }
}

}  // namespace cofactor::testing
