// JSON within bounds: depth, width, numbers that fit their type.
#include "engine/io/json.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

std::string parse_error(const std::string& text) {
  return error_of([&] { parse_json(text); });
}

// Lists within each other.
std::string nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("json: what is read is written back with its keys in their order") {
    for (const char* text : {R"({"b":1,"a":[],"c":{},"d":[1,-2,2.5,true,null,"x\n"],"a2":{"z":{"y":[[]]}}})", "[]", "3",
                             R"("text")", "null", R"({"large":18446744073709551615,"small":-9223372036854775808})"})
      CHECK(write_json(parse_json(text)) == text);
    CHECK(write_json(parse_json(" { \"a\" : 1 } \n")) == R"({"a":1})");
  }

  TEST_CASE("json: what is no JSON is an error that says where") {
    CHECK(contains(parse_error(""), "not valid JSON at byte 1: "));
    CHECK(contains(parse_error("{\"a\":1"), "not valid JSON at byte 7: "));
    for (const char* text : {"{", "[1,]", "{\"a\"}", "{\"a\":}", "nul", "'a'", "[1] 2", "{,}", "\"\xE9\"", "[1e999]",
                             "-", "01", "{\"a\":1,}", "NaN", "Infinity"}) {
      CAPTURE(text);
      CHECK(contains(parse_error(text), "not valid JSON at byte"));
      CHECK(!contains(parse_error(text), "json.exception"));
    }
    CHECK(parse_error("\"" + std::string(1'000'000, 'a')).size() < 500);
  }

  TEST_CASE("json: nesting is bounded and deep texts are refused at once") {
    CHECK(parse_error(nested(64)).empty());
    CHECK(contains(parse_error(nested(65)), "deeper than 64 levels"));
    CHECK(contains(parse_error(std::string(10'000'000, '[')), "deeper than 64 levels"));
    std::string objects;
    for (size_t i = 0; i < 100'000; ++i) objects += R"({"a":)";
    CHECK(contains(parse_error(objects), "deeper than 64 levels"));
  }

  TEST_CASE("json: wide objects and lists are read in time or refused") {
    const auto begin = std::chrono::steady_clock::now();
    std::string object = "{\"k\":0";
    for (size_t i = 0; i < 300'000; ++i) object += fmt::format(",\"key{}\":{{}}", i);
    const Json json = parse_json(object + "}");
    CHECK(json.size() == 300'001);
    CHECK(contains(parse_error(object + ",\"key7\":1}"), "the key 'key7' is repeated"));
    std::string list = "[0";
    for (size_t i = 0; i < 1'000'000; ++i) list += ",0";
    CHECK(contains(parse_error(list + "]"), "more than 1000000 values"));
    CHECK(flatten_json(json).size() == 300'001);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));  // quadratic work took minutes
  }

  TEST_CASE("json: keys that come twice are errors at any depth") {
    CHECK(contains(parse_error(R"({"a":1,"a":1})"), "the key 'a' is repeated"));
    CHECK(contains(parse_error(R"([{"x":{"a":1,"b":2,"a":3}}])"), "the key 'a' is repeated"));
    CHECK(parse_error(R"({"a":{"a":1},"b":{"a":1}})").empty());
  }

  TEST_CASE("json: fields are taken in their type alone") {
    const Json json = parse_json(
        R"({"int":-7,"large":4294967296,"seed":18446744073709551615,"real":2.5,"whole":3.0,"text":"x","yes":true,"list":[1],"none":null})");
    CHECK(field<int>(json, "int") == -7);
    CHECK(field<int64_t>(json, "large") == 4294967296);
    CHECK(field<uint64_t>(json, "seed") == 18446744073709551615u);
    CHECK(field<double>(json, "real") == 2.5);
    CHECK(field<double>(json, "int") == -7.0);
    CHECK(field<std::string>(json, "text") == "x");
    CHECK(field<bool>(json, "yes"));
    CHECK(list_field(json, "list").size() == 1);
    CHECK(std::isinf(number_field(json, "none")));
    CHECK(number_field(json, "real") == 2.5);

    const auto says = [&](const std::string& part, const auto& call) {
      const std::string message = error_of(call);
      CAPTURE(message);
      CHECK(contains(message, part));
    };
    says("the field 'large' is 4294967296, expected a number in [-2147483648, 2147483647]",
         [&] { field<int>(json, "large"); });
    says("the field 'seed' is 18446744073709551615, expected a number in", [&] { field<int64_t>(json, "seed"); });
    says("the field 'int' is -7, expected a number in [0, 18446744073709551615]",
         [&] { field<uint64_t>(json, "int"); });
    for (const char* name : {"real", "whole", "text", "yes", "list", "none"}) {
      says(std::string("the field '") + name + "' is ", [&] { field<int>(json, name); });
      says("expected a whole number", [&] { field<uint64_t>(json, name); });
    }
    says("the field 'text' is \"x\", expected a number", [&] { field<double>(json, "text"); });
    says("the field 'none' is null, expected a number", [&] { field<double>(json, "none"); });
    says("the field 'text' is \"x\", expected a number", [&] { number_field(json, "text"); });
    says("the field 'int' is -7, expected a string", [&] { field<std::string>(json, "int"); });
    says("the field 'int' is -7, expected true or false", [&] { field<bool>(json, "int"); });
    says("the field 'text' is \"x\", expected a list", [&] { list_field(json, "text"); });
    says("there is no field 'other'", [&] { field<int>(json, "other"); });
    says("a JSON array, expected an object with the field 'a'", [&] { field<int>(parse_json("[1]"), "a"); });
  }

  TEST_CASE("json: a string that is not UTF-8 cannot be written and is shown") {
    CHECK(error_of([] {
            write_json({{"folder", "caf\xE9"}});
          }) == "cannot be written as JSON: 'caf\\xE9' is not UTF-8");
    CHECK(error_of([] {
            write_json({{"a", {1, {{"k\xFF", 1}}}}});
          }) == "cannot be written as JSON: 'k\\xFF' is not UTF-8");
    CHECK(write_json("caf\xC3\xA9") == "\"caf\xC3\xA9\"");
  }

  TEST_CASE("json: flattened values have their paths") {
    using Flat = std::map<std::string, std::string>;
    CHECK(flatten_json(parse_json(R"({"a":{"b":[1,"x"],"c":{}},"d/e~":null,"f":[]})")) ==
          Flat{{"a/b/0", "1"}, {"a/b/1", "\"x\""}, {"a/c", "{}"}, {"d~1e~0", "null"}, {"f", "[]"}});
    CHECK(flatten_json(parse_json("{}")).empty());
    CHECK(flatten_json(parse_json("[]")).empty());
  }
}

}  // namespace cofactor::testing
