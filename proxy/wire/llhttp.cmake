# The target llhttp, the parser that wire/ splits heads with. From whatever the system has of these:
#   - the library and its header: libllhttp-dev (Debian 13)
#   - the C sources: node-llhttp (Debian 12, Ubuntu 24.04), or -DLLHTTP_SOURCE=FOLDER -DLLHTTP_INCLUDE=FOLDER
#   - nothing: the sources that the package of llhttp_source.txt brings, by pip, into the build folder
# -DSHEAF_FETCH_LLHTTP=ON takes the last of them in any case.
option(SHEAF_FETCH_LLHTTP "Take llhttp from the pinned source package of proxy/wire/llhttp_source.txt" OFF)

# pip verifies the package by its hash, and has setuptools read its metadata, a new one, which it fetches for that alone.
function(sheaf_fetch_llhttp folder)
  find_program(SHEAF_PYTHON python3 REQUIRED)
  set(packages ${CMAKE_SOURCE_DIR}/proxy/wire/llhttp_source.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${packages})
  file(SHA256 ${packages} stamp)
  if(NOT EXISTS ${folder}/${stamp})
    file(REMOVE_RECURSE ${folder})
    message(STATUS "llhttp: fetching the source package of proxy/wire/llhttp_source.txt")
    execute_process(COMMAND ${SHEAF_PYTHON} -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes
        --no-binary :all: --dest ${folder} -r ${packages} RESULT_VARIABLE failed)
    file(GLOB archive ${folder}/*.tar.gz)
    if(failed OR NOT archive)
      message(FATAL_ERROR "llhttp cannot be fetched: apt-get install python3-pip, or one that has it: "
        "libllhttp-dev (Debian 13), node-llhttp (Debian 12, Ubuntu 24.04)")
    endif()
    file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${folder})
    file(TOUCH ${folder}/${stamp})
  endif()
endfunction()

if(NOT SHEAF_FETCH_LLHTTP)
  find_path(LLHTTP_LIBRARY_INCLUDE llhttp.h)
  find_library(LLHTTP_LIBRARY llhttp)
  find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp)
  find_path(LLHTTP_SOURCE llhttp.c PATHS /usr/share/llhttp)
endif()

if(NOT SHEAF_FETCH_LLHTTP AND LLHTTP_LIBRARY AND LLHTTP_LIBRARY_INCLUDE)
  add_library(llhttp INTERFACE)
  target_include_directories(llhttp SYSTEM INTERFACE ${LLHTTP_LIBRARY_INCLUDE})
  target_link_libraries(llhttp INTERFACE ${LLHTTP_LIBRARY})
  return()
endif()

if(SHEAF_FETCH_LLHTTP OR NOT LLHTTP_SOURCE OR NOT LLHTTP_INCLUDE)
  set(fetched ${CMAKE_BINARY_DIR}/llhttp)
  sheaf_fetch_llhttp(${fetched})
  file(GLOB_RECURSE parser ${fetched}/*/llhttp.c)
  file(GLOB_RECURSE header ${fetched}/*/llhttp.h)
  cmake_path(GET parser PARENT_PATH source)
  cmake_path(GET header PARENT_PATH include)
else()
  set(source ${LLHTTP_SOURCE})
  set(include ${LLHTTP_INCLUDE})
endif()
add_library(llhttp STATIC ${source}/llhttp.c ${source}/api.c ${source}/http.c)
target_include_directories(llhttp SYSTEM PUBLIC ${include})
# Of versions before 9, which are strict by themselves: no bytes over 127 in targets, no lone CR. Ours are checked before;
# two parsers must agree.
target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
