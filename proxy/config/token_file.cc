#include "proxy/config/token_file.h"

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "proxy/base/option_table.h"
#include "proxy/base/read_file.h"

namespace sheaf {

TokenFile ReadTokenFile(const std::string& path) {
  TokenFile result;
  FileText file = ReadFile(path);
  if (file.error != 0) {
    result.problem = "cannot read " + QuoteToml(path) + ": " + std::generic_category().message(file.error) +
                     "; correct the path or its permissions";
    result.of_user = file.error == EACCES;
    return result;
  }
  constexpr std::string_view kBlanks = " \t\r\n";
  result.token = std::move(file.text);
  result.token.erase(0, result.token.find_first_not_of(kBlanks));
  result.token.erase(result.token.find_last_not_of(kBlanks) + 1);
  if (result.token.empty()) result.problem = QuoteToml(path) + " has no token in it: write one";
  return result;
}

}  // namespace sheaf
