cmake_minimum_required(VERSION 3.25)
# One test of the package, in the empty FOLDER:
#   installed     cmake --install into a prefix that is then moved; a program is started; the example, outside the tree,
#                 finds the package, is built and run
#   headers       the installed headers compile, from the first to the last and back, so that one that needs another
#                 includes it; with what cofactor::cofactor brings and nothing else
#   subdirectory  the example's project adds this one by add_subdirectory, and keeps its own settings
# Run as: cmake -DWAY=... -DSOURCE=... -DBUILD=... -DEXAMPLE=... -DGENERATOR=... -DCOMPILER=... -DFOLDER=... -P package_test.cmake

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command} failed (${failed}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# Configures the example's project and builds its targets: build_consumer(<targets> <cmake argument> ...)
function(build_consumer targets)
  run(${CMAKE_COMMAND} -S ${SOURCE}/tests/package/consumer -B ${FOLDER}/build -G ${GENERATOR}
      -DCMAKE_CXX_COMPILER=${COMPILER} -DEXAMPLE=${EXAMPLE} ${ARGN})
  run(${CMAKE_COMMAND} --build ${FOLDER}/build --parallel 2 --target ${targets})
endfunction()

function(run_example)
  run(${FOLDER}/build/first_network)
  if(NOT output MATCHES "accuracy ([0-9.]+)%" OR CMAKE_MATCH_1 LESS 90)
    message(FATAL_ERROR "the example does not learn:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${FOLDER})
if(WAY STREQUAL "subdirectory")
  # The least that the example needs, and fast to compile.
  build_consumer(first_network -DCOFACTOR_SOURCE=${SOURCE} -DCOFACTOR_CPU=OFF -DCOFACTOR_CUDA=OFF -DCMAKE_UNITY_BUILD=ON
                 -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 -DCMAKE_CXX_FLAGS=-O0)
  run_example()
  return()
endif()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${FOLDER}/first)
file(RENAME ${FOLDER}/first ${FOLDER}/moved)
file(GLOB_RECURSE headers RELATIVE ${FOLDER}/moved/include/cofactor ${FOLDER}/moved/include/cofactor/*.h)
foreach(expected engine/tensor.h layers/linear.h losses/dmi.h data/dataset.h models/resnet.h)
  if(NOT expected IN_LIST headers)
    message(FATAL_ERROR "${expected} is not installed, only:\n${headers}")
  endif()
endforeach()
if(WAY STREQUAL "installed")
  if(headers MATCHES "backends/|experiments/|tests/")
    message(FATAL_ERROR "private headers are installed:\n${headers}")
  endif()
  file(GLOB programs ${FOLDER}/moved/bin/cofactor-*)
  foreach(expected train predict)
    if(NOT programs MATCHES "cofactor-${expected}(;|$)")
      message(FATAL_ERROR "cofactor-${expected} is not installed, only: ${programs}")
    endif()
  endforeach()
  foreach(program ${programs})
    run(${program} --help)
  endforeach()
  build_consumer(first_network -DCMAKE_PREFIX_PATH=${FOLDER}/moved)
  run_example()
else()
  list(JOIN headers "," headers)  # a list within an argument
  build_consumer(headers -DCMAKE_PREFIX_PATH=${FOLDER}/moved -DHEADERS=${headers})
endif()
