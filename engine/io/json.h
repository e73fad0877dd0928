// JSON, on nlohmann's library. Its parser and writer are slow to compile and are compiled once, in json.cpp: call these
// functions instead of Json::parse, Json::dump and Json::get.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace cofactor {

// Objects keep their keys in order.
using Json = nlohmann::ordered_json;

// Throws Error, with the byte offset, where the text is not JSON, repeats a key in an object (JSON parsers silently
// keep one of the two), nests lists and objects deeper than 64, or holds more than a million values. Time and memory
// are linear in the text's length.
Json parse_json(std::string_view text);

// On one line. Throws Error, with the string, for a string that is not UTF-8.
std::string write_json(const Json& json);

// A field of an object. Throws Error, with the field's name and value, where `object` is not an object or has no such
// field, or the field has another type or a number that T cannot hold. T is bool, int, int64_t, uint64_t, double or
// std::string; an integer accepts whole numbers only, a double any number.
template <class T>
T field(const Json& object, std::string_view name) = delete;
template <>
bool field(const Json& object, std::string_view name);
template <>
int field(const Json& object, std::string_view name);
template <>
int64_t field(const Json& object, std::string_view name);
template <>
uint64_t field(const Json& object, std::string_view name);
template <>
double field(const Json& object, std::string_view name);
template <>
std::string field(const Json& object, std::string_view name);
const Json& any_field(const Json& object, std::string_view name);
const Json& list_field(const Json& object, std::string_view name);

// JSON has no infinity: a number that is not finite is written as null, which reads as +infinity.
Json json_number(double value);
double number_field(const Json& object, std::string_view name);

// Every value that is neither an object nor a list, as JSON text, by its path ("pretraining/lr_steps/0/1"; in keys "/"
// becomes "~1" and "~" becomes "~0"). Empty objects and lists count as values, except at the top.
std::map<std::string, std::string> flatten_json(const Json& json);

}  // namespace cofactor
