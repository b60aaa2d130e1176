# Writes the C++ source with the bytes of files. Usage: cmake -DFILES=A|B -DOUTPUT=FILE -P embed.cmake
set(type_.html "text/html; charset=utf-8")
set(type_.css "text/css; charset=utf-8")
set(type_.js "text/javascript; charset=utf-8")
set(type_.svg "image/svg+xml")
set(type_ "text/plain; charset=utf-8")

string(REPLACE "|" ";" files "${FILES}")
set(arrays "")
set(rows "")
set(number 0)
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  get_filename_component(extension ${file} LAST_EXT)
  file(READ ${file} bytes HEX)
  file(SHA256 ${file} digest)
  string(SUBSTRING ${digest} 0 16 tag)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "constexpr unsigned char kBytes${number}[] = {${bytes}};\n")
  string(APPEND rows "    DashboardFile{\"${name}\", \"${type_${extension}}\", \"\\\"${tag}\\\"\", kBytes${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE ${OUTPUT} "// Written by proxy/admin/dashboard/embed.cmake.
#include \"proxy/admin/dashboard_files.h\"

#include <array>

namespace sheaf {
namespace {

${arrays}
constexpr std::array<DashboardFile, ${number}> kFiles = {
${rows}};

}  // namespace

std::span<const DashboardFile> DashboardFiles() {
  return kFiles;
}

}  // namespace sheaf
")
