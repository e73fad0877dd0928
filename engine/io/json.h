// JSON, by nlohmann's library. What is slow to compile in it, reading and writing, is compiled once, in json.cpp: call
// these instead of Json::parse, Json::dump and Json::get.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace cofactor {

// Objects keep their keys in the order in which they were written.
using Json = nlohmann::ordered_json;

// Throws Error, with the byte, where the text is no JSON, holds a key twice in an object (JSON parsers keep one of the
// two in silence), nests lists and objects deeper than 64, or holds more than a million values. Time and memory grow
// with the text's length alone.
Json parse_json(std::string_view text);

// On one line. Throws Error, with the string, where one in it is not UTF-8.
std::string write_json(const Json& json);

// A field of an object. Throws Error, with the field's name and what stands there, where `object` is no object, has no
// such field, or holds another type or a number that the type cannot hold. T is bool, int, int64_t, uint64_t, double
// or std::string; an integer takes whole numbers alone, a double any number.
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

// Every value that is no object and no list, as JSON, by its path ("pretraining/lr_steps/0/1"; a "/" in a key stands as
// "~1" and a "~" as "~0"); empty objects and lists too, but for the whole.
std::map<std::string, std::string> flatten_json(const Json& json);

}  // namespace cofactor
