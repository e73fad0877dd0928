# How this project compiles its targets. Everything is a property of our own targets, so that a project that adds this
# one with add_subdirectory or FetchContent keeps its own settings.

# The processor that code is compiled for. Without COFACTOR_NATIVE: any that the package runs on.
set(COFACTOR_ARCHITECTURE "")
if(COFACTOR_NATIVE)
  set(COFACTOR_ARCHITECTURE -march=native)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(COFACTOR_ARCHITECTURE -march=x86-64-v3)
endif()

add_library(cofactor_flags INTERFACE)
# C++ that only the host's compiler sees: kernels (CUDA) get their warnings through nvcc.
function(cofactor_flags)
  foreach(option ${ARGN})
    target_compile_options(cofactor_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${option}>)
  endforeach()
endfunction()
# Calls within a file may be inlined, as in an executable. What tests replace (the registry) they replace as a whole file.
cofactor_flags(-fno-semantic-interposition)
if(PROJECT_IS_TOP_LEVEL)
  cofactor_flags(-Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  target_compile_options(cofactor_flags INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports an overflow in fmt 9 where there is none, once it has inlined enough of it; and an overlap in
    # std::string's operator+ (its bug 105651).
    cofactor_flags(-Wno-stringop-overflow -Wno-restrict)
  endif()
endif()
if(COFACTOR_WERROR)
  cofactor_flags(-Werror)
  target_compile_options(cofactor_flags INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:--Werror all-warnings>")
endif()
if(COFACTOR_SANITIZE)
  cofactor_flags(-fsanitize=${COFACTOR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(cofactor_flags INTERFACE -fsanitize=${COFACTOR_SANITIZE})
  if(COFACTOR_SANITIZE MATCHES "memory")
    target_compile_definitions(cofactor_flags INTERFACE FMT_HEADER_ONLY)  # writes in code compiled elsewhere are not seen
  endif()
endif()

# cofactor_target(<target>): C++20, the flags above, for COFACTOR_ARCHITECTURE.
function(cofactor_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${COFACTOR_ARCHITECTURE}>)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:cofactor_flags>)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
endfunction()

# cofactor_sources(<variable> <pattern> ...): the sources of this folder that match, so that new files are found.
function(cofactor_sources variable)
  file(GLOB sources RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS ${ARGN})
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

# cofactor_part(<folder> <source> ...): the part of the library that a folder compiles, as the target cofactor_<folder>.
function(cofactor_part folder)
  add_library(cofactor_${folder} OBJECT ${ARGN})
  cofactor_target(cofactor_${folder})
  target_include_directories(cofactor_${folder} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(cofactor_${folder} PRIVATE fmt::fmt nlohmann_json::nlohmann_json)
  target_sources(cofactor PRIVATE $<TARGET_OBJECTS:cofactor_${folder}>)
endfunction()

# cofactor_link(<folder> <library> ...): what a folder's part needs beside the engine, to compile and to link.
function(cofactor_link folder)
  target_link_libraries(cofactor_${folder} PRIVATE ${ARGN})
  target_link_libraries(cofactor PRIVATE ${ARGN})
endfunction()

# cofactor_program(<target> <source> ...): an executable with the library, and the modules that the library may open.
function(cofactor_program target)
  add_executable(${target} ${ARGN})
  cofactor_target(${target})
  target_link_libraries(${target} PRIVATE cofactor::cofactor)
  file(RELATIVE_PATH library ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${library}")
  if(COFACTOR_MODULES)
    add_dependencies(${target} ${COFACTOR_MODULES})
  endif()
endfunction()
