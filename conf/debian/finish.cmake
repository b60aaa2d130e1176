# Between installation and packing: what Debian wants compressed, and the package's own changelog.
set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
configure_file(${CPACK_SHEAF_CHANGELOG} ${share}/doc/sheaf/changelog.Debian COPYONLY)
execute_process(COMMAND gzip -9nf ${share}/doc/sheaf/changelog.Debian ${share}/man/man1/sheaf.1
  COMMAND_ERROR_IS_FATAL ANY)
