# What `cmake --install` puts where, and `./dev package` into a Debian package. The program is installed in src/cli.

# Compressed, as Debian wants it and man reads it anywhere; without the time, so that the same source gives the same file.
find_program(GZIP NAMES gzip REQUIRED)
set(manual ${CMAKE_BINARY_DIR}/tracepkt.8.gz)
add_custom_command(OUTPUT ${manual} DEPENDS ${CMAKE_SOURCE_DIR}/man/tracepkt.8
                   COMMAND ${GZIP} -9nc ${CMAKE_SOURCE_DIR}/man/tracepkt.8 > ${manual} VERBATIM)
add_custom_target(manual ALL DEPENDS ${manual})
install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES completions/tracepkt.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME tracepkt)
# Wireshark loads what lies in its own folder for plugins, which is below /usr. What is not a part of /usr (the usual
# /usr/local) goes there by its full path; a prefix of somebody's own keeps it to itself.
install(CODE "
  set(where \${CMAKE_INSTALL_PREFIX}/lib/${CMAKE_LIBRARY_ARCHITECTURE}/wireshark/plugins)
  if(CMAKE_INSTALL_PREFIX STREQUAL /usr/local)
    set(where /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/wireshark/plugins)
  endif()
  file(INSTALL \"${CMAKE_SOURCE_DIR}/wireshark/tracepkt.lua\" DESTINATION \${where})
")
# Debian looks for the licence by this name.
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
if(EXISTS ${CMAKE_SOURCE_DIR}/CHANGELOG.md)
  set(changes ${CMAKE_BINARY_DIR}/changelog.gz)
  add_custom_command(OUTPUT ${changes} DEPENDS ${CMAKE_SOURCE_DIR}/CHANGELOG.md
                     COMMAND ${GZIP} -9nc ${CMAKE_SOURCE_DIR}/CHANGELOG.md > ${changes} VERBATIM)
  add_custom_target(changes ALL DEPENDS ${changes})
  install(FILES ${changes} DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
if(EXISTS ${CMAKE_SOURCE_DIR}/README.md)
  install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN decisions EXCLUDE)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tracepkt)
set(CPACK_PACKAGE_CONTACT "The tracepkt developers <tracepkt@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "follows packets through the Linux kernel")
set(CPACK_PACKAGE_DESCRIPTION
    "Says where a packet went inside Linux, hop by hop, across interfaces, network
namespaces, bridges, routes and sockets, and, if it did not arrive, who dropped
it and why: for a ping it sends itself, or for all packets that match a filter.
It needs a kernel with type information (BTF), from 5.10 on, and no compiler.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_OUTPUT_FILE_PREFIX ${CMAKE_BINARY_DIR})
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
