// Running a program of the system that draws.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace cofactor {

struct ExternalProgram {
  std::string caller;         // whom errors name first: "figure"
  std::string name, package;  // "gnuplot", of the Debian package "gnuplot-nox"
  std::string if_missing;     // what an error adds where it is not installed, as a clause
};

// Files by name, with their bytes.
using FileBytes = std::map<std::string, std::string>;

// Runs a program, without a shell, in a temporary folder that holds `inputs`, and returns the files `outputs` that it
// writes there. The folder lies in `otherwise` where the system's temporary folder cannot be used. Throws Error, with
// the program's own text, where it is not installed, fails, or leaves one of the files out.
FileBytes run_external(const ExternalProgram& program, const std::vector<std::string>& arguments,
                       const FileBytes& inputs, const std::vector<std::string>& outputs,
                       const std::filesystem::path& otherwise);

// Throws Error, naming the program, unless these are the bytes of a whole SVG.
void check_svg(const ExternalProgram& program, const std::string& name, const std::string& bytes);

}  // namespace cofactor
