cmake_minimum_required(VERSION 3.25)
# No instruction of AVX-512 (its registers zmm, k0 to k7 and those numbered 16 to 31) lies in the library or in a program;
# in the module they do, which shows that they are found.
# Run as: cmake -DLIBRARY=... -DPROGRAM=... -DMODULE=... -P instructions_test.cmake
find_program(objdump objdump REQUIRED)
foreach(file ${LIBRARY} ${PROGRAM} ${MODULE})
  execute_process(COMMAND ${objdump} --disassemble ${file}
                  COMMAND grep -m 1 -E "%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])"
                  OUTPUT_VARIABLE found RESULTS_VARIABLE results)
  if(file STREQUAL "${MODULE}" AND found STREQUAL "")
    message(FATAL_ERROR "${file} has no instruction of AVX-512")
  elseif(NOT file STREQUAL "${MODULE}" AND NOT found STREQUAL "")
    message(FATAL_ERROR "${file} holds an instruction of AVX-512: ${found}")
  endif()
endforeach()
