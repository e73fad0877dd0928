// What `derive theorem` prints and stores: sections of tables, and one table of all numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cofactor::theorem {

// Up to how many standard errors a measured value may lie from the true one. A right value is further off once in
// 16,000 times.
inline constexpr double kMostStandardErrors = 4.0;
// How many values it takes to estimate their standard error well enough for that.
inline constexpr int64_t kFewestForErrors = 10;

// largest = max(largest, value), where NaN counts as the largest.
void raise(double& largest, double value);

struct NumberTable {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

// A statement with the largest difference that was found between its two sides.
class Holds {
 public:
  Holds(std::string statement, double limit) : statement_(std::move(statement)), limit_(limit) {}
  // Keeps the largest, as raise does.
  void compare(double difference);
  // "holds: largest difference 3.1e-15, limit 1e-09: STATEMENT", or "does not hold: ..."; "not checked: STATEMENT"
  // where nothing was compared.
  std::string line() const;
  bool is_wrong() const { return !(largest_ <= limit_); }

 private:
  std::string statement_;
  double limit_, largest_ = 0.0;
  bool compared_ = false;
};

struct Section {
  std::string title;
  std::string see;  // one sentence: what to see
  std::vector<NumberTable> tables;
  std::vector<Holds> checks;
};

// Tables as columns of text, or as Markdown; a blank line ends the section.
std::string format_section(const Section& section, bool markdown);

// A number for a table: four significant digits.
std::string number(double value);

// theorem.csv: one number a line.
class NumbersCsv {
 public:
  // part: of the theorem ("noise"); noise: its name, or empty; item: which classifier, sample size or batch size.
  void add(std::string_view part, std::string_view noise, std::string_view item, std::string_view quantity,
           double value);
  const std::string& text() const { return text_; }

 private:
  std::string text_ = "part,noise,item,quantity,value\n";
};

}  // namespace cofactor::theorem
