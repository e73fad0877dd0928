#include "engine/io/json.h"

#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr size_t kDeepest = 64;           // lists and objects within each other
constexpr size_t kMaxValues = 1'000'000;  // of a text: some hundred MiB at most
constexpr size_t kLongestReason = 300;    // bytes of the library's own message

// Builds a Json value by value, within the limits. The library's ordered object searches all keys when one is added,
// and copies its members as it grows; here an object's members are collected first.
class JsonBuilder : public nlohmann::json_sax<Json> {
 public:
  Json take() && { return std::move(whole_); }

  bool null() override { return add(Json(nullptr)); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(number_integer_t value) override { return add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(Json(value)); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return add(Json(value)); }
  bool string(string_t& value) override { return add(Json(std::move(value))); }
  bool binary(binary_t& /*value*/) override { return false; }  // JSON's text has none

  bool start_object(size_t /*elements*/) override { return open(true); }
  bool start_array(size_t /*elements*/) override { return open(false); }

  bool key(string_t& value) override {
    Container& object = open_.back();
    check(object.known.insert(value).second, "the key '{}' is repeated", legible(value));
    object.members.emplace_back(std::move(value), Json());
    return true;
  }

  bool end_object() override {
    Container object = close();
    Json json = Json::object();
    auto& members = json.get_ref<Json::object_t&>();
    members.reserve(object.members.size());
    for (auto& [name, value] : object.members) members.emplace_back(std::move(name), std::move(value));
    return put(std::move(json));
  }

  bool end_array() override {
    Container list = close();
    Json json = Json::array();
    json.get_ref<Json::array_t&>() = std::move(list.elements);
    return put(std::move(json));
  }

  bool parse_error(size_t position, const std::string& /*token*/, const Json::exception& error) override {
    const std::string reason = error.what();  // "[json.exception.parse_error.101] parse error at ...: reason"
    size_t begin = reason.find("] ");
    begin = begin == std::string::npos ? 0 : begin + 2;
    const size_t place = reason.find(": ", begin);
    if (reason.compare(begin, 11, "parse error") == 0 && place != std::string::npos) begin = place + 2;
    fail("not valid JSON at byte {}: {}", position, legible(reason.substr(begin), kLongestReason));
  }

 private:
  struct Container {
    bool is_object = false;
    std::unordered_set<std::string> known{};  // an object's keys
    std::vector<std::pair<std::string, Json>> members{};
    Json::array_t elements{};
  };

  bool open(bool is_object) {
    check(open_.size() < kDeepest, "lists and objects are nested deeper than {} levels", kDeepest);
    count();
    open_.push_back({.is_object = is_object});
    return true;
  }

  Container close() {
    Container container = std::move(open_.back());
    open_.pop_back();
    return container;
  }

  void count() { check(++values_ <= kMaxValues, "more than {} values", kMaxValues); }

  bool add(Json value) {
    count();
    return put(std::move(value));
  }

  // Where the value belongs: the member whose key came last, the list, or the whole.
  bool put(Json value) {
    if (open_.empty()) {
      whole_ = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().members.back().second = std::move(value);
    } else {
      open_.back().elements.push_back(std::move(value));
    }
    return true;
  }

  Json whole_;
  std::vector<Container> open_;
  size_t values_ = 0;
};

// The first string in it, keys among them, that is not UTF-8; null where all are.
const std::string* find_other_encoding(const Json& json) {
  const auto judge = [](const std::string& text) { return first_not_utf8(text) < text.size() ? &text : nullptr; };
  if (json.is_string()) return judge(json.get_ref<const std::string&>());
  if (json.is_object()) {
    for (const auto& [name, value] : json.get_ref<const Json::object_t&>()) {
      if (const auto* found = judge(name)) return found;
      if (const auto* found = find_other_encoding(value)) return found;
    }
  }
  if (json.is_array()) {
    for (const Json& value : json)
      if (const auto* found = find_other_encoding(value)) return found;
  }
  return nullptr;
}

// Of a value, for messages.
std::string shown(const Json& json) {
  if (json.is_structured() && json.size() > 8)
    return fmt::format("a JSON {} of {} values", json.type_name(), json.size());
  return legible(json.dump(-1, ' ', false, Json::error_handler_t::replace), 100);
}

template <class Integer>
Integer whole_number(const Json& value, std::string_view name) {
  check(value.is_number_integer(), "the field '{}' is {}, expected a whole number", name, shown(value));
  const bool fits = value.is_number_unsigned() ? std::in_range<Integer>(value.get<uint64_t>())
                                               : std::in_range<Integer>(value.get<int64_t>());
  check(fits, "the field '{}' is {}, expected a number in [{}, {}]", name, shown(value),
        std::numeric_limits<Integer>::min(), std::numeric_limits<Integer>::max());
  return value.get<Integer>();
}

void flatten_into(const Json& json, const std::string& path, std::map<std::string, std::string>& flat) {
  const auto below = [&](std::string name) {
    for (const auto& [from, to] : {std::pair{'~', "~0"}, std::pair{'/', "~1"}})
      for (size_t at = 0; (at = name.find(from, at)) != std::string::npos; at += 2) name.replace(at, 1, to);
    return path.empty() ? name : path + "/" + name;
  };
  if (json.is_object() && !json.empty()) {
    for (const auto& [name, value] : json.get_ref<const Json::object_t&>()) flatten_into(value, below(name), flat);
  } else if (json.is_array() && !json.empty()) {
    for (size_t i = 0; i < json.size(); ++i) flatten_into(json[i], below(std::to_string(i)), flat);
  } else {
    flat[path] = write_json(json);
  }
}

}  // namespace

Json parse_json(std::string_view text) {
  JsonBuilder builder;
  Json::sax_parse(text.begin(), text.end(), &builder);
  return std::move(builder).take();
}

std::string write_json(const Json& json) {
  try {
    return json.dump();
  } catch (const Json::exception& error) {
    const std::string* found = find_other_encoding(json);
    fail("cannot be written as JSON: {}{}{}", found ? "'" : "", legible(found ? *found : error.what()),
         found ? "' is not UTF-8" : "");
  }
}

const Json& any_field(const Json& object, std::string_view name) {
  check(object.is_object(), "a JSON {}, expected an object with the field '{}'", object.type_name(), name);
  const auto found = object.find(std::string(name));
  check(found != object.end(), "there is no field '{}'", name);
  return *found;
}

const Json& list_field(const Json& object, std::string_view name) {
  const Json& value = any_field(object, name);
  check(value.is_array(), "the field '{}' is {}, expected a list", name, shown(value));
  return value;
}

template <>
bool field(const Json& object, std::string_view name) {
  const Json& value = any_field(object, name);
  check(value.is_boolean(), "the field '{}' is {}, expected true or false", name, shown(value));
  return value.get<bool>();
}

template <>
int field(const Json& object, std::string_view name) {
  return whole_number<int>(any_field(object, name), name);
}

template <>
int64_t field(const Json& object, std::string_view name) {
  return whole_number<int64_t>(any_field(object, name), name);
}

template <>
uint64_t field(const Json& object, std::string_view name) {
  return whole_number<uint64_t>(any_field(object, name), name);
}

template <>
double field(const Json& object, std::string_view name) {
  const Json& value = any_field(object, name);
  check(value.is_number(), "the field '{}' is {}, expected a number", name, shown(value));
  return value.get<double>();
}

template <>
std::string field(const Json& object, std::string_view name) {
  const Json& value = any_field(object, name);
  check(value.is_string(), "the field '{}' is {}, expected a string", name, shown(value));
  return value.get<std::string>();
}

Json json_number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

double number_field(const Json& object, std::string_view name) {
  return any_field(object, name).is_null() ? std::numeric_limits<double>::infinity() : field<double>(object, name);
}

std::map<std::string, std::string> flatten_json(const Json& json) {
  std::map<std::string, std::string> flat;
  if (!json.is_structured() || !json.empty()) flatten_into(json, "", flat);
  return flat;
}

}  // namespace cofactor
