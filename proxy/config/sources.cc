#include "proxy/config/sources.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

namespace sheaf {

Result<ConfigSources> CollectSources(const std::string& file_name, std::vector<std::string> settings,
                                     const char* const* environment) {
  ConfigSources sources{.file_name = file_name, .file_text = {}, .environment = {}, .settings = std::move(settings)};
  for (; *environment != nullptr; ++environment) sources.environment.emplace_back(*environment);
  if (file_name.empty()) return sources;
  std::ifstream file(file_name, std::ios::binary);
  std::stringstream text;
  // An empty file leaves the stream failed, which is no error.
  if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (!file.is_open() || file.bad() || text.bad()) {
    return Error{file_name + ": cannot be read: " + std::generic_category().message(errno)};
  }
  sources.file_text = text.str();
  return sources;
}

std::string DescribeOrigin(const Origin& origin, const OptionRow& row, const std::string& file_name) {
  switch (origin.source) {
    case Source::kFile:
      return file_name + ":" + std::to_string(origin.position.line) + ":" + std::to_string(origin.position.column);
    case Source::kEnvironment:
      return "environment variable " + row.EnvironmentName();
    case Source::kCommandLine:
      return "--set " + row.FullName();
    case Source::kDefault:
      break;
  }
  return "default";
}

}  // namespace sheaf
