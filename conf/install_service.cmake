# Runs at each installation, whose prefix (`cmake --install --prefix`) need not be that of the build: what names paths, or
# has another place below /usr than elsewhere. Given: sheaf_conf, this folder; sheaf_unit, where the unit may be written.
set(etc ${CMAKE_INSTALL_PREFIX}/etc)
set(zsh ${CMAKE_INSTALL_PREFIX}/share/zsh/site-functions)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(etc /etc)
  # Debian's zsh looks there alone.
  if(EXISTS /etc/debian_version)
    set(zsh /usr/share/zsh/vendor-completions)
  endif()
endif()
file(INSTALL ${sheaf_conf}/completions/_sheaf DESTINATION ${zsh})

file(READ ${sheaf_conf}/systemd/sheaf.service unit)
string(REPLACE "/usr/local/bin/sheaf -c /etc/sheaf" "${CMAKE_INSTALL_PREFIX}/bin/sheaf -c ${etc}/sheaf" unit "${unit}")
file(WRITE ${sheaf_unit} "${unit}")
file(INSTALL ${sheaf_unit} DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)

# The operator's own is never written over.
if(NOT EXISTS $ENV{DESTDIR}${etc}/sheaf/sheaf.conf)
  file(INSTALL ${sheaf_conf}/debian/sheaf.conf DESTINATION ${etc}/sheaf)
endif()
