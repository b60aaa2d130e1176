# Writes OUTPUT, a header that names the commit of SOURCE_DIR: COMMIT, else git's HEAD, else "unknown". Run by every
# build, and quick; a header that says the same is not touched, so nothing is compiled again.
if(NOT COMMIT)
  find_program(GIT git)
  if(GIT)
    # The sources may lie unpacked in the repository of something else, and be reached through a link.
    file(REAL_PATH ${SOURCE_DIR} real_source)
    execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} rev-parse --show-toplevel
      OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(top STREQUAL real_source)
      execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} rev-parse --short=12 HEAD
        OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
  endif()
endif()
if(NOT COMMIT)
  set(COMMIT unknown)
endif()
if(NOT COMMIT MATCHES "^[0-9A-Za-z._+-]+$")
  message(FATAL_ERROR "SHEAF_COMMIT must be made of letters, digits and . _ + -, not \"${COMMIT}\"")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define SHEAF_BUILD_COMMIT \"${COMMIT}\"\n")
