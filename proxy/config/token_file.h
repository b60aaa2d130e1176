// token_file of [admin], [upstream] and [[backend]]: a token that lies in a file of its own, as mounted Secrets do.
#pragma once

#include <string>

namespace sheaf {

struct TokenFile {
  std::string token;     // without the blanks and line ends around it
  std::string problem;   // why there is none, and how to mend it; empty: there is one
  bool of_user = false;  // this user may not read the file; another one may
};

TokenFile ReadTokenFile(const std::string& path);

}  // namespace sheaf
