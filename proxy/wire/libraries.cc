#include "proxy/wire/libraries.h"

#include <llhttp.h>
#include <zlib.h>

#include <string>

namespace sheaf::wire {

std::vector<Library> Libraries() {
  const std::string llhttp = std::to_string(LLHTTP_VERSION_MAJOR) + "." + std::to_string(LLHTTP_VERSION_MINOR) + "." +
                             std::to_string(LLHTTP_VERSION_PATCH);
  return {{"zlib", ZLIB_VERSION, zlibVersion()}, {"llhttp", llhttp, ""}};
}

}  // namespace sheaf::wire
