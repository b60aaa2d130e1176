# What `cmake --install` puts below the prefix: the program, its conf file and systemd unit, man page, completions and
# documents (which keep their folders, so that the links between them hold).
include(GNUInstallDirs)
install(TARGETS sheaf RUNTIME)
install(FILES conf/man/sheaf.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES conf/completions/sheaf.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME sheaf)
install(FILES conf/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})

file(GLOB documents CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} README.md conf/*.md conf/*.conf conf/systemd/app*
  batching/*.md memwatch/*.md pool/*.md proxy/*.md proxy/*/*.md)
foreach(document ${documents})
  cmake_path(GET document PARENT_PATH folder)
  install(FILES ${document} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()
install(PROGRAMS docker/rolling_restart.sh DESTINATION ${CMAKE_INSTALL_DOCDIR}/docker)

install(CODE "set(sheaf_conf \"${CMAKE_SOURCE_DIR}/conf\")
set(sheaf_unit \"${CMAKE_BINARY_DIR}/install/sheaf.service\")")
install(SCRIPT conf/install_service.cmake)
