// Which files of a data set are used and which are not, so that a person sees before any work whether it is the right
// ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

class FileAccount {
 public:
  void use(int64_t count) { used_ += count; }
  // Files of a kind that are left out, and the first of them: ignore("WebP image", "WebP images", "cat/1.webp").
  void ignore(std::string_view one, std::string_view several, std::string_view example, int64_t count = 1);
  // Something else to be said of the data, a line of its own.
  void note(std::string line) { notes_.push_back(std::move(line)); }
  // Adds what another one counted.
  void add(const FileAccount& other);

  int64_t used() const { return used_; }
  // "40 WebP images (such as cat/1.webp), 1 other file (notes.txt)", the most first; empty where there are none.
  std::string ignored() const;
  // "images: 12,340 used; ignored: ..." and the notes. `parts` says more of what is used: "of 2 classes, cat and dog".
  std::vector<std::string> lines(std::string_view parts = {}) const;

 private:
  struct Kind {
    std::string one, several, example;
    int64_t count = 0;
  };
  int64_t used_ = 0;
  std::vector<Kind> kinds_;
  std::vector<std::string> notes_;
};

// "12,340"
std::string in_thousands(int64_t number);
// "1 image", "12,340 images"
std::string counted(int64_t count, std::string_view one, std::string_view several);

}  // namespace cofactor
