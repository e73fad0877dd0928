#include "data/files/file_account.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "engine/io/utf8.h"

namespace cofactor {

std::string in_thousands(int64_t number) {
  std::string digits = fmt::format("{}", number);
  for (size_t at = digits.size(); at > 3 && digits[at - 4] != '-';) digits.insert(at -= 3, ",");
  return digits;
}

std::string counted(int64_t count, std::string_view one, std::string_view several) {
  return fmt::format("{} {}", in_thousands(count), count == 1 ? one : several);
}

void FileAccount::ignore(std::string_view one, std::string_view several, std::string_view example, int64_t count) {
  if (count == 0) return;
  auto kind = std::ranges::find(kinds_, several, &Kind::several);
  if (kind == kinds_.end())
    kind = kinds_.insert(kind, {std::string(one), std::string(several), std::string(example), 0});
  kind->count += count;
}

void FileAccount::add(const FileAccount& other) {
  used_ += other.used_;
  for (const Kind& kind : other.kinds_) ignore(kind.one, kind.several, kind.example, kind.count);
  notes_.insert(notes_.end(), other.notes_.begin(), other.notes_.end());
}

std::string FileAccount::ignored() const {
  std::vector<Kind> most_first = kinds_;
  std::ranges::stable_sort(most_first, std::ranges::greater(), &Kind::count);
  std::string text;
  for (const Kind& kind : most_first) {
    text += fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", counted(kind.count, kind.one, kind.several),
                        kind.count == 1 ? "" : "such as ", printable(kind.example));
  }
  return text;
}

std::vector<std::string> FileAccount::lines(std::string_view parts) const {
  const std::string left_out = ignored();
  std::vector<std::string> all = {fmt::format("{}: {} used{}{}{}", nouns_, in_thousands(used_),
                                              parts.empty() ? "" : " ", parts,
                                              left_out.empty() ? "" : "; ignored: " + left_out)};
  all.insert(all.end(), notes_.begin(), notes_.end());
  return all;
}

}  // namespace cofactor
