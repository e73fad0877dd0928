#include "experiments/sweep/flags.h"

#include <doctest/doctest.h>

#include "experiments/sweep/program.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;

namespace {

// A program with a flag of each kind.
struct FlagVariables {
  bool on = false;
  int count = 3;
  uint64_t seed = 1;
  double rate = 0.5;
  std::string name = "small";
  std::filesystem::path folder = "here";
  std::optional<int64_t> limit;
  std::optional<std::string> mode;
  std::vector<double> rates;
  std::vector<std::filesystem::path> inputs;
  bool name_given = false;
  std::string rates_text;
  bool goes_on = false;
};

FlagVariables parse_variables(std::vector<const char*> words) {
  FlagVariables values;
  Flags flags("program", "What the program does");
  flags.add("--on", values.on, "on or off");
  flags.add("--count", values.count, "how many").positive();
  flags.add("--seed", values.seed, "the seed");
  flags.add("--rate", values.rate, "the rate").non_negative();
  const Flag name = flags.add("--name", values.name, "the name").one_of({"small", "large"});
  flags.add("--folder", values.folder, "the folder");
  flags.add("--limit", values.limit, "the limit").excludes(name);
  flags.add("--mode", values.mode, "the mode").default_text("as it comes");
  const Flag rates = flags.add("--rates", values.rates, "the rates");
  flags.add("inputs", values.inputs, "the inputs");
  words.insert(words.begin(), "program");
  values.goes_on = flags.parse(static_cast<int>(words.size()), words.data());
  values.name_given = name.given();
  values.rates_text = rates.text();
  CHECK(name.name() == "--name");
  return values;
}

std::string flag_refusal(const std::vector<const char*>& words) {
  try {
    parse_variables(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("flags: variables keep their values where no flag is given and take those that are") {
    const FlagVariables plain = parse_variables({});
    CHECK(plain.goes_on);
    CHECK(!plain.on);
    CHECK(plain.count == 3);
    CHECK(plain.folder == "here");
    CHECK(!plain.limit.has_value());
    CHECK(!plain.name_given);
    CHECK(plain.rates_text.empty());
    const FlagVariables given =
        parse_variables({"a.txt", "--on", "--count", "007", "--seed", "18446744073709551615", "--rate", "1e-3",
                         "--name", "large", "--folder", "there", "--mode", "x", "b.txt", "--rates", "0.1,0.2"});
    CHECK(given.on);
    CHECK(given.count == 7);  // not octal
    CHECK(given.seed == UINT64_MAX);
    CHECK(given.rate == 1e-3);
    CHECK(given.name == "large");
    CHECK(given.name_given);
    CHECK(given.folder == "there");
    CHECK(given.mode == "x");
    CHECK(given.rates == std::vector<double>{0.1, 0.2});
    CHECK(given.rates_text == "0.1 0.2");
    CHECK(given.inputs == std::vector<std::filesystem::path>{"a.txt", "b.txt"});
    CHECK(parse_variables({"--limit", "9"}).limit == 9);
  }

  TEST_CASE("flags: what a flag does not take is bad usage with the flag and the value") {
    CHECK(contains(flag_refusal({"--count", "0"}), "--count 0: expected a positive number"));
    CHECK(contains(flag_refusal({"--count", "many"}), "--count many: expected a whole number"));
    CHECK(
        contains(flag_refusal({"--seed", "-1"}), "--seed -1: expected a whole number from 0 to 18446744073709551615"));
    CHECK(contains(flag_refusal({"--rate", "nan"}), "--rate nan: expected a finite number"));
    CHECK(contains(flag_refusal({"--rate", "-1"}), "--rate -1: expected 0 or a positive number"));
    CHECK(contains(flag_refusal({"--name", "middle"}), "middle"));
    CHECK(contains(flag_refusal({"--limit", "1", "--name", "large"}), "excludes"));
    CHECK(contains(flag_refusal({"--loud"}), "--loud"));
    CHECK(contains(flag_refusal({"--folder"}), "--folder"));
  }
}
