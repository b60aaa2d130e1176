# `cpack` in the build folder makes the Debian package sheaf of what `cmake --install --prefix /usr` installs.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sheaf)
set(CPACK_PACKAGE_VENDOR "The Sheaf authors")
set(CPACK_PACKAGE_CONTACT "The Sheaf authors <maintainers@sheaf.example>")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/conf/debian/finish.cmake)
set(CPACK_SHEAF_CHANGELOG ${CMAKE_SOURCE_DIR}/conf/debian/changelog)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
# The roots that an https backend's certificate is checked by.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "reverse proxy for WebSockets in front of a Python backend")
set(CPACK_PACKAGE_DESCRIPTION "A proxy that stands in front of a web application (FastAPI, Starlette,
python-socketio), terminates the clients' WebSockets and TLS, pools the
connections to the application, gathers messages into batches, and sheds
idle connections when memory runs short. The application is not changed.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/conf/debian/conffiles ${CMAKE_SOURCE_DIR}/conf/debian/postinst
  ${CMAKE_SOURCE_DIR}/conf/debian/prerm ${CMAKE_SOURCE_DIR}/conf/debian/postrm)
include(CPack)
