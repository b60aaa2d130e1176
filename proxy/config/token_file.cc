#include "proxy/config/token_file.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include "proxy/base/option_table.h"

namespace sheaf {

TokenFile ReadTokenFile(const std::string& path) {
  TokenFile result;
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file.is_open() || file.bad() || errno == EISDIR) {
    const int error = errno;
    result.problem = "cannot read " + QuoteToml(path) + ": " + std::generic_category().message(error) +
                     "; correct the path or its permissions";
    result.of_user = error == EACCES;
    return result;
  }
  constexpr std::string_view kBlanks = " \t\r\n";
  result.token = text.str();
  result.token.erase(0, result.token.find_first_not_of(kBlanks));
  result.token.erase(result.token.find_last_not_of(kBlanks) + 1);
  if (result.token.empty()) result.problem = QuoteToml(path) + " has no token in it: write one";
  return result;
}

}  // namespace sheaf
