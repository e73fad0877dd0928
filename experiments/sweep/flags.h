// The flags of a command line: each is a variable, a name and a sentence for --help. flags.cpp alone includes CLI11,
// which takes long to compile.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace cofactor {

template <class T, class... Types>
concept AnyOf = (std::same_as<T, Types> || ...);

// The types of variables that flags set. A bool becomes true where its flag is given, and the flag takes no value. A
// list takes several values, separated by commas or as separate words; a list of paths as separate words only.
template <class T>
concept FlagValue = AnyOf<T, bool, int, int64_t, uint64_t, double, std::string, std::filesystem::path,
                          std::optional<int>, std::optional<int64_t>, std::optional<double>, std::optional<std::string>,
                          std::vector<int>, std::vector<int64_t>, std::vector<uint64_t>, std::vector<double>,
                          std::vector<std::string>, std::vector<std::filesystem::path>>;

// A handle of a flag that Flags holds; copies stand for the same flag.
class Flag {
 public:
  // Refuses all other values. --help lists them.
  Flag& one_of(std::vector<std::string> values);
  // What --help shows as the default, in place of the variable's value.
  Flag& default_text(const std::string& text);
  Flag& positive();
  Flag& non_negative();
  Flag& required();
  // Refuses a command line with both.
  Flag& excludes(const Flag& other);
  // Leaves the flag out of --help.
  Flag& hidden();

  std::string name() const;  // "--rate"
  // Once the command line is parsed: whether the flag was given, and its values as written, separated by blanks.
  bool given() const;
  std::string text() const;

 private:
  friend class Flags;
  explicit Flag(CLI::Option* option) : option_(option) {}
  CLI::Option* option_;
};

// The flags of one program. The variables must live until parse() has returned.
class Flags {
 public:
  Flags(const std::string& program, const std::string& description);
  ~Flags();
  Flags(const Flags&) = delete;
  Flags& operator=(const Flags&) = delete;

  // Adds a flag that sets `value`, whose present value is the default. --help shows it in brackets, unless it is a
  // bool, a list, an optional or empty. A name without dashes is that of words without a flag.
  template <FlagValue T>
  Flag add(const std::string& name, T& value, const std::string& help);
  // The flags that follow stand under this heading of --help; "Options" is that of the first.
  void start_group(const std::string& heading);
  // What --help ends with.
  void footer(const std::string& text);

  // Sets the variables. Prints the help and returns false where --help is given. Throws UsageError, naming the flag and
  // the value, for an unknown flag, a missing or superfluous value, a value that is refused and a number that is none
  // or that its variable cannot hold.
  bool parse(int argc, const char* const* argv);

 private:
  std::unique_ptr<CLI::App> app_;
  std::string group_ = "Options";
};

}  // namespace cofactor
