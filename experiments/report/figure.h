// The paper's Figures 2 and 3: test accuracy over the noise rate, drawn by gnuplot.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/report/summary.h"

namespace cofactor {

// The gnuplot script of one experiment's figure: one panel per noise, one line per method with its mean and standard
// deviation over seeds, and, dashed, the accuracy of always predicting the majority class (h0). It writes figure.svg
// and figure.png into the folder it runs in. `summaries` are of one experiment and not empty.
std::string figure_script(const std::vector<Summary>& summaries);

// What a figure's SVG holds of the script it was drawn from: its checksum, as a comment. It tells whether a figure is
// current, whichever version of gnuplot drew it.
std::string drawn_from(const std::string& script);

// Runs such a script: the bytes of figure.svg and figure.png. `otherwise` and errors are those of run_gnuplot.
std::map<std::string, std::string> draw_script(const std::string& script, const std::filesystem::path& otherwise);

// Draws `stem`.svg and `stem`.png, each whole or not at all. Throws Error, with gnuplot's own text, where it is not
// installed or fails; then no file is left.
void draw_figure(const std::vector<Summary>& summaries, const std::filesystem::path& stem);

// Draws EXPERIMENT_accuracy.svg and .png into `folder` for each experiment among the summaries. Returns the files.
// Throws Error as draw_figure does, and where the folder cannot be written to.
std::vector<std::filesystem::path> draw_figures(const std::vector<Summary>& summaries,
                                                const std::filesystem::path& folder);

}  // namespace cofactor
