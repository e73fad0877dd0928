// JSON, by nlohmann's library. What is slow to compile in it, reading and writing, is compiled once, in json.cpp: call
// these instead of Json::parse and Json::dump.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace cofactor {

// Objects keep their keys in the order in which they were written.
using Json = nlohmann::ordered_json;

// Throws Error where the text is no JSON, holds a key twice (JSON parsers keep one of the two in silence), or an object
// of more than 100,000 keys.
Json parse_json(std::string_view text);

// On one line. Throws Error where a string in it is not UTF-8.
std::string write_json(const Json& json);

// JSON has no infinity: a number that is not finite is written as null, which reads as +infinity.
Json json_number(double value);
double number_from(const Json& json);

}  // namespace cofactor
