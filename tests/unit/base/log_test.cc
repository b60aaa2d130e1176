#include "proxy/base/log.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf {
namespace {

std::vector<std::string>& Lines() {
  static std::vector<std::string> lines;
  return lines;
}

void Keep(LogKind /*kind*/, LogLevel level, std::string_view message, std::span<const LogField> fields) {
  std::string line = std::to_string(static_cast<int>(level)) + " " + std::string(message);
  for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
  Lines().push_back(line);
}

}  // namespace

TEST_CASE("lines go to the sink from the level on, with their fields in order") {
  Lines().clear();
  SetLogSink(&Keep);
  SetLogLevel(LogLevel::kWarning);
  Log(LogLevel::kInfo, "too fine");
  Log(LogLevel::kWarning, "backend is down", {{"upstream", "a:80"}, {"error", "refused"}});
  Log(LogLevel::kError, "no port");
  REQUIRE_EQ(Lines().size(), 2);
  CHECK_EQ(Lines()[0], "2 backend is down upstream=a:80 error=refused");
  CHECK_EQ(Lines()[1], "3 no port");
  SetLogLevel(LogLevel::kInfo);
}

TEST_CASE("a level enables itself and what is graver") {
  SetLogLevel(LogLevel::kDebug);
  CHECK(LogEnabled(LogLevel::kDebug));
  SetLogLevel(LogLevel::kError);
  CHECK_FALSE(LogEnabled(LogLevel::kWarning));
  CHECK(LogEnabled(LogLevel::kError));
  SetLogLevel(LogLevel::kInfo);
  CHECK_FALSE(LogEnabled(LogLevel::kDebug));
  CHECK(LogEnabled(LogLevel::kInfo));
}

}  // namespace sheaf
