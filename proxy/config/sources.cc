#include "proxy/config/sources.h"

#include <system_error>
#include <utility>

#include "proxy/base/read_file.h"

namespace sheaf {

Result<ConfigSources> CollectSources(const std::string& file_name, std::vector<std::string> settings,
                                     const char* const* environment) {
  ConfigSources sources{.file_name = file_name, .file_text = {}, .environment = {}, .settings = std::move(settings)};
  for (; *environment != nullptr; ++environment) sources.environment.emplace_back(*environment);
  if (file_name.empty()) return sources;
  FileText file = ReadFile(file_name);
  if (file.error != 0) return Error{file_name + ": cannot be read: " + std::generic_category().message(file.error)};
  sources.file_text = std::move(file.text);
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
