#include "experiments/csv.h"

namespace cofactor {

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::optional<std::vector<std::vector<std::string>>> csv_rows(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row(1);
  bool quoted = false;
  if (!text.empty() && text.back() != '\n') return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      const bool twice = quoted && i + 1 < text.size() && text[i + 1] == '"';
      if (twice) row.back() += text[++i];
      quoted = quoted == twice;
    } else if (quoted || (c != ',' && c != '\n')) {
      row.back() += c;
    } else if (c == ',') {
      row.emplace_back();
    } else {
      rows.push_back(std::move(row));
      row.assign(1, {});
    }
  }
  if (quoted) return std::nullopt;
  return rows;
}

}  // namespace cofactor
