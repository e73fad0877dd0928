# What cmake --install puts where, and the .deb of it (cpack -G DEB).
include(CMakePackageConfigHelpers)

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/cofactor)
install(TARGETS cofactor EXPORT cofactor LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(COFACTOR_MODULES)
  install(TARGETS ${COFACTOR_MODULES} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})  # beside the library, which opens them
endif()
if(COFACTOR_EXPERIMENTS)
  # Commands are cofactor-train and so on, since "train" or "report" may be another package's. They are links to the
  # programs, which keep the names that their messages have.
  set(programs_folder ${CMAKE_INSTALL_LIBEXECDIR}/cofactor)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/links)
  foreach(program ${COFACTOR_PROGRAMS})
    install(TARGETS ${program} RUNTIME DESTINATION ${programs_folder})
    set(link ${PROJECT_BINARY_DIR}/links/cofactor-${program})
    file(CREATE_LINK ../${programs_folder}/${program} ${link} SYMBOLIC)
    install(FILES ${link} DESTINATION ${CMAKE_INSTALL_BINDIR})
    set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../../${CMAKE_INSTALL_LIBDIR}")
  endforeach()
endif()
foreach(folder ${COFACTOR_FOLDERS})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cofactor
          FILES_MATCHING PATTERN "*.h" PATTERN backends EXCLUDE)
endforeach()
install(EXPORT cofactor NAMESPACE cofactor:: FILE cofactorTargets.cmake DESTINATION ${config_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/cofactorConfig.cmake.in cofactorConfig.cmake
                              INSTALL_DESTINATION ${config_folder})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(cofactorConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cofactorConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/cofactorConfigVersion.cmake
        DESTINATION ${config_folder})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/cofactor RENAME copyright)

if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
if(COFACTOR_NATIVE)
  message(STATUS "package: off, since COFACTOR_NATIVE is ON: it would run on processors like this one only")
  return()
endif()
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR cofactor)
set(CPACK_PACKAGE_CONTACT "the cofactor project <cofactor@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# One package: headers are a small part of it, and whoever installs it to build against needs the library too.
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "gnuplot-nox, graphviz")                # figures
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake, libfmt-dev, nlohmann-json3-dev")  # building against it
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Tensors, automatic differentiation and training, and the losses of the paper
L_DMI: A Novel Information-theoretic Loss Function for Training Deep Nets
Robust to Label Noise. The package holds the library, its headers and CMake
files, and the programs that run the paper's experiments, train on images of
your own, and predict with what they trained. On x86-64 it needs a processor
with AVX2 (x86-64-v3).")
include(CPack)
