#include "data/images/find_images.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "engine/io/file.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

void put(const fs::path& path, std::string_view bytes = "x") {
  fs::create_directories(path.parent_path());
  write_file_atomically(path, bytes);
}

constexpr std::string_view kWebp{"RIFF\0\0\0\0WEBPVP8 ", 16};
constexpr std::string_view kJpegStart{"\xFF\xD8\xFF\xE0 and so on", 14};

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("images are recognised by their content and found at any depth") {
    const TemporaryFolder folder;
    for (const char* name : {"b.jpg", "a", "z.jfif", "x.webp", "deep/er/c.JPE", "deep/d.txt"})
      put(folder / name, kJpegStart);
    put(folder / "w.jpg", kWebp);
    put(folder / "v.webp", kWebp);
    put(folder / "empty.png", "");
    put(folder / "empty");
    put(folder / "page.jpeg", "<html>");
    put(folder / "notes.txt");
    put(folder / ".hidden.jpg", kJpegStart);
    put(folder / "._b.jpg", kJpegStart);
    put(folder / "Thumbs.db", kJpegStart);
    put(folder / "@eaDir/b.jpg", kJpegStart);
    CHECK(::mkfifo((folder / "pipe.jpg").c_str(), 0600) == 0);
    fs::create_symlink("nowhere", folder / "gone");
    fs::create_symlink("nowhere", folder / "gone.jpg");
    for (const int threads : {1, 3}) {
      FileAccount account;
      CHECK(
          find_images({.base = folder.path(), .threads = threads}, "", account) ==
          Names{"a", "b.jpg", "deep/d.txt", "deep/er/c.JPE", "empty.png", "gone.jpg", "page.jpeg", "x.webp", "z.jfif"});
      CHECK(account.ignored() ==
            "3 hidden or system files (such as ._b.jpg), 2 other files (such as empty), 2 WebP images (such as "
            "v.webp), 1 hidden or system folder (@eaDir), 1 file that cannot be read (gone), 1 pipe, socket or device "
            "(pipe.jpg)");
    }
    FileAccount account;
    CHECK(find_images({.base = folder.path()}, "deep", account) == Names{"deep/d.txt", "deep/er/c.JPE"});
  }

  TEST_CASE("links are followed but not in circles or to the whole data set") {
    const TemporaryFolder folder, elsewhere;
    put(folder / "cat/1.jpg", kJpegStart);
    put(folder / "dog/2.jpg", kJpegStart);
    put(elsewhere / "more/3.jpg", kJpegStart);
    fs::create_directory_symlink(elsewhere.path(), folder / "cat/linked");
    fs::create_symlink(folder / "dog/2.jpg", folder / "cat/2.jpg");
    fs::create_directory_symlink("..", folder / "cat/up");
    fs::create_directory_symlink(".", folder / "cat/self");
    fs::create_directory_symlink("/", folder / "cat/root");
    fs::create_directory_symlink(elsewhere.path(), elsewhere / "more/back");
    fs::create_directory_symlink("loop", folder / "cat/loop");
    FileAccount account;
    CHECK(find_images({.base = folder.path()}, "cat", account) ==
          Names{"cat/1.jpg", "cat/2.jpg", "cat/linked/more/3.jpg"});
    CHECK(contains(account.ignored(), "4 folders that are linked twice (such as cat/linked/more/back)"));
    CHECK(contains(account.ignored(), "1 file that cannot be read (cat/loop)"));
  }

  TEST_CASE("folders that this program wrote are not data") {
    const TemporaryFolder folder;
    put(folder / "results/results.jsonl", "{\"experiment\":\"train\"}\n");
    put(folder / "results/train_accuracy.png");
    put(folder / "started/.lock", "");
    put(folder / "parent/killed/none-rate0-seed1/ce/checkpoint.safetensors");
    put(folder / "other/results.jsonl", "{\"accuracy\": 1}\n");
    put(folder / "photos/.lock");
    put(folder / "photos/1.jpg");
    put(folder / "model/weights.safetensors");
    fs::create_directories(folder / "nothing/below");
    fs::create_directories(folder / "links");
    fs::create_directory_symlink("..", folder / "links/up");
    for (const char* name : {"results", "started", "parent", "model"}) CHECK(is_run_folder(folder / name));
    for (const char* name : {"other", "photos", "nothing", "links", "absent"}) CHECK(!is_run_folder(folder / name));
    CHECK(!is_run_folder(folder.path()));
    CHECK(is_own_output(folder / "photos", folder / "links/../photos"));
    CHECK(!is_own_output(folder / "photos", folder / "absent"));
    FileAccount account;
    CHECK(find_images({.base = folder.path(), .out = folder / "nothing"}, "", account) == Names{"photos/1.jpg"});
    CHECK(contains(account.ignored(), "5 folders of results (such as model)"));
  }

  TEST_CASE("folders that cannot be read are errors") {
    const TemporaryFolder folder;
    FileAccount account;
    CHECK(error_of([&] { entries_of(folder / "none"); }) ==
          "images: cannot read the folder '" + (folder / "none").string() + "': No such file or directory");
    CHECK_THROWS_AS(find_images({.base = folder.path()}, "none", account), Error);
  }
}

}  // namespace cofactor::testing
