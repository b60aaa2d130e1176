#include "proxy/config/file_checks.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace sheaf {

std::optional<Contradiction> FindUnreadable(const std::string& path, const std::string& name, const OptionRow* row) {
  if (access(path.c_str(), R_OK) == 0) return std::nullopt;
  const int error = errno;
  return Contradiction{{row},
                       name + ": cannot read " + QuoteToml(path) + ": " + std::generic_category().message(error) +
                           "; correct the path or its permissions",
                       error == EACCES};
}

}  // namespace sheaf
