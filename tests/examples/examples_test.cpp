// The examples, started as a newcomer starts them: what they print must be right.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <regex>

#include "tests/fixtures/process.h"

namespace {

using namespace cofactor;
using namespace cofactor::testing;

// What the example prints. It must end with 0 and print no error.
std::string output_of(const std::string& example) {
  const TemporaryFolder folder;
  const Outcome outcome = Process({program("example_" + example)}, folder.path()).wait();
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.err.empty());
  return outcome.out;
}

// Every number that follows `label` in the text, in order.
std::vector<double> numbers_after(const std::string& text, const std::string& label) {
  const std::regex pattern(label + R"( *(-?[0-9][-+.e0-9]*))");
  std::vector<double> numbers;
  for (std::sregex_iterator found(text.begin(), text.end(), pattern), end; found != end; ++found) {
    numbers.push_back(std::stod((*found)[1]));
  }
  return numbers;
}

// The one number that follows `label`.
double number_after(const std::string& text, const std::string& label) {
  const std::vector<double> numbers = numbers_after(text, label);
  CAPTURE(text);
  REQUIRE(numbers.size() == 1);
  return numbers[0];
}

// Losses that are printed on the way, five or three: each below the one before.
void check_falls(const std::vector<double>& losses, size_t count) {
  REQUIRE(losses.size() == count);
  for (size_t i = 1; i < losses.size(); ++i) CHECK(losses[i] < losses[i - 1]);
}

TEST_SUITE("experiment") {
  TEST_CASE("first_network: the loss falls and the points inside the circle are found") {
    const std::string text = output_of("first_network");
    const std::vector<double> losses = numbers_after(text, "loss");
    check_falls(losses, 5);
    CHECK(losses.back() < 0.1);
    CHECK(number_after(text, "accuracy") > 97.0);
  }

  TEST_CASE("noisy_labels: L_DMI keeps the clean accuracy where cross entropy loses a class") {
    const std::string text = output_of("noisy_labels");
    CAPTURE(text);
    const std::regex row(R"(^ +([0-9.]+) +([0-9.]+) +([0-9.]+)$)", std::regex::multiline);
    std::vector<std::array<double, 3>> rows;  // noise rate, accuracy with cross entropy, with L_DMI
    for (std::sregex_iterator found(text.begin(), text.end(), row), end; found != end; ++found) {
      rows.push_back({std::stod((*found)[1]), std::stod((*found)[2]), std::stod((*found)[3])});
    }
    REQUIRE(rows.size() == 5);
    CHECK(rows.front()[0] == 0.0);
    CHECK(rows.front()[1] > 98.0);
    CHECK(rows.back()[0] == 0.8);
    for (const auto& [rate, cross_entropy, dmi] : rows) {
      CAPTURE(rate);
      CHECK(dmi > 94.0);
      if (rate > 0.5) CHECK(cross_entropy < 70.0);
    }
  }

  TEST_CASE("own_loss: its gradient is right and it trains") {
    const std::string text = output_of("own_loss");
    CHECK(number_after(text, "gradient:") < 1e-6);
    check_falls(numbers_after(text, "focal loss"), 3);
    CHECK(number_after(text, "accuracy") > 90.0);
  }

  TEST_CASE("own_op: its gradient is right and what is fitted increases") {
    const std::string text = output_of("own_op");
    CHECK(number_after(text, "gradient:") < 1e-6);
    check_falls(numbers_after(text, "error"), 5);
    CHECK(numbers_after(text, "error").back() < 0.01);
    std::vector<double> fitted;
    std::istringstream last_line(text.substr(text.rfind('\n', text.size() - 2) + 1));
    for (double value = 0.0; last_line >> value;) fitted.push_back(value);
    REQUIRE(fitted.size() == 10);
    for (size_t i = 1; i < fitted.size(); ++i) CHECK(fitted[i] >= fitted[i - 1]);
    CHECK(std::abs(fitted.back() - 0.81) < 0.15);
  }
}

}  // namespace
