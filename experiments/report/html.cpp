#include "experiments/report/html.h"

#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

std::string html(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string fill(std::string_view page, const std::map<std::string, std::string>& values) {
  std::string filled;
  size_t at = 0;
  for (size_t open; (open = page.find("{{", at)) != std::string_view::npos;) {
    const size_t close = page.find("}}", open);
    check(close != std::string_view::npos, "template: the name at byte {} has no end", open);
    const auto value = values.find(std::string(page.substr(open + 2, close - open - 2)));
    check(value != values.end(), "template: '{}' has no value", page.substr(open + 2, close - open - 2));
    filled += page.substr(at, open - at);
    filled += value->second;
    at = close + 2;
  }
  return filled.append(page.substr(at));
}

}  // namespace cofactor
