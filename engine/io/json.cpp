#include "engine/io/json.h"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "engine/error.h"

namespace cofactor {

namespace {

// An ordered object looks for a key among all others, so that the time grows with the square of their number.
constexpr size_t kMostKeys = 100'000;

}  // namespace

Json parse_json(std::string_view text) {
  std::vector<std::set<std::string>> open_objects;
  const auto check_keys = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      check(open_objects.back().insert(key).second, "the key '{}' comes twice", key);
      check(open_objects.back().size() <= kMostKeys, "an object has more than {} keys", kMostKeys);
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), check_keys);
  } catch (const Json::exception& error) {
    fail("no valid JSON: {}", error.what());
  }
}

std::string write_json(const Json& json) {
  try {
    return json.dump();
  } catch (const Json::exception& error) {
    fail("cannot be written as JSON: {}", error.what());
  }
}

Json json_number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

double number_from(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

}  // namespace cofactor
