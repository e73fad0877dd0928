// Running gnuplot, which draws all figures.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// Okabe and Ito's colours, which colour-blind readers distinguish too: vermillion, blue, green, purple, orange, sky
// blue.
inline constexpr std::array<std::string_view, 6> kOkabeIto = {"#D55E00", "#0072B2", "#009E73",
                                                              "#CC79A7", "#E69F00", "#56B4E9"};

// A single-quoted gnuplot string, in which nothing is expanded or run. Names come from files, so control characters are
// removed.
std::string gnuplot_string(std::string_view text);

// Runs a script, without a shell, in a temporary folder, and returns the bytes of the files that it writes there: SVG
// or PNG, by their extension. The folder lies in `otherwise` where the system's temporary folder cannot be used. Throws
// Error, with gnuplot's own text, where it is not installed, fails, or leaves one of the files out.
std::map<std::string, std::string> run_gnuplot(const std::string& script, const std::vector<std::string>& files,
                                               const std::filesystem::path& otherwise);

}  // namespace cofactor
