cmake_minimum_required(VERSION 3.25)
# Writes OUTPUT, which gives ctest one test per TEST_CASE of a test executable, labelled with its TEST_SUITE. A test that
# prints a line that begins with "skipped: no GPU", "skipped: cuDNN", "skipped: mpirun", "skipped: no MPI" or
# "skipped: no network namespaces" is reported as skipped.
# Run as: cmake -DEXECUTABLE=... -DPREFIX=... -DFOLDER=... -DOUTPUT=... -P list_tests.cmake
execute_process(COMMAND "${EXECUTABLE}" --list-test-cases --no-skip --reporters=xml OUTPUT_VARIABLE xml RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${EXECUTABLE} --list-test-cases failed (${failed}):\n${xml}")
endif()
# XML writes four characters as entities; without their semicolons, which would part CMake's lists.
string(REGEX REPLACE "&(quot|lt|gt|amp);" "&\\1" xml "${xml}")
# doctest takes a comma for the end of a filter; CMake takes the others for marks of a list.
if(xml MATCHES "<TestCase name=\"([^\"]*[],;[][^\"]*)\"")
  message(FATAL_ERROR "${EXECUTABLE}: a test's name may not hold any of , ; [ ]: ${CMAKE_MATCH_1}")
endif()
string(REGEX MATCHALL "<TestCase [^>]*>" cases "${xml}")
if(cases STREQUAL "")
  message(FATAL_ERROR "${EXECUTABLE} lists no tests:\n${xml}")
endif()
set(script "")
foreach(case ${cases})
  if(NOT case MATCHES " name=\"([^\"]+)\" testsuite=\"([^\"]+)\"")
    message(FATAL_ERROR "${EXECUTABLE}: a test without a name or a TEST_SUITE: ${case}")
  endif()
  set(name "${CMAKE_MATCH_1}")
  set(suite "${CMAKE_MATCH_2}")
  string(REPLACE "&quot" "\"" name "${name}")
  string(REPLACE "&lt" "<" name "${name}")
  string(REPLACE "&gt" ">" name "${name}")
  string(REPLACE "&amp" "&" name "${name}")
  string(APPEND script "add_test([==[${PREFIX}: ${name}]==] [==[${EXECUTABLE}]==] [==[--test-case=${name}]==])\n"
    "set_tests_properties([==[${PREFIX}: ${name}]==] PROPERTIES WORKING_DIRECTORY [==[${FOLDER}]==] LABELS [==[${suite}]==]"
    " SKIP_REGULAR_EXPRESSION [==[(^|\n)skipped: (no GPU|cuDNN|mpirun|no MPI|no network namespaces)]==])\n")
endforeach()
file(WRITE "${OUTPUT}" "${script}")
