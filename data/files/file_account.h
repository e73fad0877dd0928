// Counts which files of a data set are used and which are ignored, for the notes that are printed before training.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cofactor {

class FileAccount {
 public:
  FileAccount() = default;
  // The names of what is counted: "text", "texts".
  FileAccount(std::string_view one, std::string_view several) : noun_(one), nouns_(several) {}

  // Adds to the number of files that are used; a negative count takes files off again.
  void use(int64_t count) { used_ += count; }
  // Counts files of one kind that are ignored. `one` and `several` name the kind, and `example` is one of the files:
  // ignore("WebP image", "WebP images", "cat/1.webp").
  void ignore(std::string_view one, std::string_view several, std::string_view example, int64_t count = 1);
  // Adds a note about the data, printed on a line of its own.
  void note(std::string line) { notes_.push_back(std::move(line)); }
  // Adds the counts and the notes of another account.
  void add(const FileAccount& other);

  int64_t used() const { return used_; }
  const std::string& noun() const { return noun_; }
  const std::string& nouns() const { return nouns_; }
  // "40 WebP images (such as cat/1.webp), 1 other file (notes.txt)", the largest count first; empty if none is ignored.
  std::string ignored() const;
  // The line "images: 12,340 used; ignored: ...", then the notes. `parts` describes what is used: "of 2 classes, cat
  // and dog".
  std::vector<std::string> lines(std::string_view parts = {}) const;

 private:
  struct Kind {
    std::string one, several, example;
    int64_t count = 0;
  };
  std::string noun_ = "image", nouns_ = "images";
  int64_t used_ = 0;
  std::vector<Kind> kinds_;
  std::vector<std::string> notes_;
};

// The number with separators: "12,340".
std::string in_thousands(int64_t number);
// The number with its noun: "1 image", "12,340 images".
std::string counted(int64_t count, std::string_view one, std::string_view several);

}  // namespace cofactor
