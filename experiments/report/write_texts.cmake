cmake_minimum_required(VERSION 3.25)
# Writes OUTPUT, a source file that holds the contents of files as strings. HEADER declares them.
# Run as: cmake -DHEADER=... -DNAMES=kFirst,kSecond -DFILES=PATH,PATH -DOUTPUT=... -P write_texts.cmake
string(REPLACE "," ";" names "${NAMES}")
string(REPLACE "," ";" files "${FILES}")
set(definitions "")
foreach(name file IN ZIP_LISTS names files)
  file(READ "${file}" text)
  string(APPEND definitions "const std::string_view ${name} = R\"text(${text})text\";\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"

namespace cofactor {

${definitions}
}  // namespace cofactor
")
