cmake_minimum_required(VERSION 3.25)
# Writes OUTPUT, a source file that defines version(), at every build; untouched where nothing changed.
# Run as: cmake -DSOURCE_DIR=... -DVERSION=... -DOUTPUT=... -P write_version.cmake
execute_process(COMMAND git -C "${SOURCE_DIR}" describe --always --dirty --exclude=* OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "")
else()
  string(PREPEND commit "+")
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT "#include \"experiments/sweep/version.h\"

namespace cofactor {

std::string version() { return \"@VERSION@@commit@\"; }

}  // namespace cofactor
")
