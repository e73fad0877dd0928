#include "experiments/report/gnuplot.h"

#include "engine/error.h"
#include "experiments/report/external_program.h"

namespace cofactor {
namespace {

const ExternalProgram kGnuplot = {"figure", "gnuplot", "gnuplot-nox", "the results are not affected"};

}  // namespace

std::string gnuplot_string(std::string_view text) {
  std::string result = "'";
  if (text.starts_with('\'')) {  // gnuplot takes two quotes at the beginning for an empty string
    result += "’";
    text.remove_prefix(1);
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) continue;
    result += c;
    if (c == '\'') result += c;
  }
  return result + "'";
}

std::map<std::string, std::string> run_gnuplot(const std::string& script, const std::vector<std::string>& files,
                                               const std::filesystem::path& otherwise) {
  FileBytes drawn = run_external(kGnuplot, {"figure.gp"}, {{"figure.gp", script}}, files, otherwise);
  for (const auto& [name, bytes] : drawn) {
    if (name.ends_with(".svg"))
      check_svg(kGnuplot, name, bytes);
    else
      check(bytes.starts_with("\x89PNG"), "figure: gnuplot drew no {}", name);
  }
  return drawn;
}

}  // namespace cofactor
