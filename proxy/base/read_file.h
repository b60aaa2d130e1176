// A small file as a whole: configuration, certificates, tokens.
#pragma once

#include <string>

namespace sheaf {

struct FileText {
  std::string text;
  int error = 0;  // errno; 0: it was read
};

FileText ReadFile(const std::string& path);

}  // namespace sheaf
