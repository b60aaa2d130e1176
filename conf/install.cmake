# What `cmake --install` puts below the prefix: the program, its conf file and systemd unit, man page, completions and
# documents. These keep their folders, and have beside them what they link to: manifests, alerts, pictures. Links to tests
# and sources lead to the repository alone (tests/installed_links.py holds the others).
include(GNUInstallDirs)
install(TARGETS sheaf RUNTIME)
install(FILES conf/man/sheaf.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES conf/completions/sheaf.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME sheaf)
install(FILES conf/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})

file(GLOB documents CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} README.md conf/*.md conf/*.conf conf/systemd/*
  batching/*.md batching/*.svg batching/clients/*/*.md docker/*.md docker/compose.yaml docker/compose/* docker/demo/*.png
  memwatch/*.md pool/*.md pool/asgi/*.md proxy/*.md proxy/*/*.md proxy/admin/dashboard/screenshots/*.png)
foreach(document ${documents})
  cmake_path(GET document PARENT_PATH folder)
  install(FILES ${document} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()
install(DIRECTORY docker/helm docker/k8s docker/monitoring DESTINATION ${CMAKE_INSTALL_DOCDIR}/docker
  PATTERN ".*" EXCLUDE PATTERN charts EXCLUDE PATTERN __pycache__ EXCLUDE)
install(PROGRAMS docker/rolling_restart.sh DESTINATION ${CMAKE_INSTALL_DOCDIR}/docker)

install(CODE "set(sheaf_conf \"${CMAKE_SOURCE_DIR}/conf\")
set(sheaf_unit \"${CMAKE_BINARY_DIR}/install/sheaf.service\")")
install(SCRIPT conf/install_service.cmake)
