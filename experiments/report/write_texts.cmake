cmake_minimum_required(VERSION 3.25)
# Writes OUTPUT, a source file that holds the template of the report's page and the paper's values as strings.
# Run as: cmake -DPAGE=... -DPAPER=... -DOUTPUT=... -P write_texts.cmake
file(READ "${PAGE}" page)
file(READ "${PAPER}" paper)
file(WRITE "${OUTPUT}" "#include \"experiments/report/texts.h\"

namespace cofactor {

const std::string_view kPageTemplate = R\"text(${page})text\";
const std::string_view kPaperValues = R\"text(${paper})text\";

}  // namespace cofactor
")
