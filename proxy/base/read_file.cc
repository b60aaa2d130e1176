#include "proxy/base/read_file.h"

#include <cerrno>
#include <fstream>
#include <sstream>

namespace sheaf {

FileText ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  // An empty file leaves the stream failed, which is no error.
  if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  // A folder can be opened, but not read.
  const bool failed = !file.is_open() || file.bad() || text.bad() || errno == EISDIR;
  if (failed) return {.text = {}, .error = errno != 0 ? errno : EIO};
  return {.text = text.str(), .error = 0};
}

}  // namespace sheaf
