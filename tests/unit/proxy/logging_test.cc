#include "proxy/logging.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <rapidjson/document.h>
#include <unistd.h>

#include <array>
#include <chrono>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

// 2026-05-04T12:00:00.007Z
constexpr std::chrono::system_clock::time_point kTime{1777896000s + 7ms};

std::string Text(std::string_view message, const std::vector<LogField>& fields) {
  return FormatLogLine(LogFormat::kText, kTime, LogLevel::kWarning, message, fields);
}

std::string Json(std::string_view message, const std::vector<LogField>& fields) {
  return FormatLogLine(LogFormat::kJson, kTime, LogLevel::kWarning, message, fields);
}

bool IsPrintableAscii(const std::string& line) {
  for (const char c : line) {
    if (c < ' ' || c > '~') return false;
  }
  return true;
}

TEST_CASE("a text line has time, level, message and fields") {
  CHECK(Text("backend is down", {{"upstream", "127.0.0.1:8000"}, {"error", "Connection refused"}}) ==
        "2026-05-04T12:00:00.007Z warning backend is down upstream=127.0.0.1:8000 error=\"Connection refused\"");
}

TEST_CASE("times are in UTC, to the millisecond, also at the ends of days and years") {
  const auto at = [](std::chrono::milliseconds since_1970) {
    return FormatLogLine(LogFormat::kText, std::chrono::system_clock::time_point(since_1970), LogLevel::kInfo, "m", {});
  };
  CHECK(at(0ms) == "1970-01-01T00:00:00.000Z info m");
  CHECK(at(1709251199999ms) == "2024-02-29T23:59:59.999Z info m");
  CHECK(at(1798761599009ms) == "2026-12-31T23:59:59.009Z info m");
  CHECK(at(1798761600000ms) == "2027-01-01T00:00:00.000Z info m");
}

TEST_CASE("a JSON line has the same as an object") {
  rapidjson::Document line;
  line.Parse(Json("access", {{"path", "/a \"b\""}, {"status", "200"}, {"bytes", 12}}).c_str());
  REQUIRE(line.IsObject());
  CHECK(std::string(line["ts"].GetString()) == "2026-05-04T12:00:00.007Z");
  CHECK(std::string(line["level"].GetString()) == "warning");
  CHECK(std::string(line["msg"].GetString()) == "access");
  CHECK(std::string(line["path"].GetString()) == "/a \"b\"");
  CHECK(std::string(line["status"].GetString()) == "200");
  CHECK(line["bytes"].GetInt() == 12);
}

TEST_CASE("numbers are numbers in JSON, and bare in text") {
  const std::vector<LogField> fields = {{"status", 200},
                                        {"bytes", uint64_t{18446744073709551615U}},
                                        {"least", INT64_MIN},
                                        {"code", uint16_t{1000}},
                                        {"ratio", LogValue::Decimal(12.345, 2)},
                                        {"ms", LogValue::Decimal(-0.0004, 3)},
                                        {"none", LogValue::Decimal(0.0 / 0.0, 1)},
                                        {"much", LogValue::Decimal(1.0 / 0.0, 1)},
                                        {"text", "200"}};
  CHECK(Text("m", fields)
            .ends_with(" m status=200 bytes=18446744073709551615 least=-9223372036854775808 code=1000 "
                       "ratio=12.35 ms=-0.000 none=0.0 much=0.0 text=200"));
  rapidjson::Document line;
  REQUIRE_FALSE(line.Parse(Json("m", fields).c_str()).HasParseError());
  CHECK(line["status"].GetInt() == 200);
  CHECK(line["bytes"].GetUint64() == 18446744073709551615U);
  CHECK(line["least"].GetInt64() == INT64_MIN);
  CHECK(line["code"].GetInt() == 1000);
  CHECK(line["ratio"].GetDouble() == 12.35);
  CHECK(line["ms"].IsDouble());
  CHECK(line["none"].GetDouble() == 0);
  CHECK(line["much"].GetDouble() == 0);
  CHECK(line["text"].IsString());
}

TEST_CASE("values that could be read otherwise are quoted") {
  CHECK(Text("m", {{"a", ""}}).ends_with(" m a=\"\""));
  CHECK(Text("m", {{"a", "x=y"}}).ends_with(" m a=\"x=y\""));
  CHECK(Text("m", {{"a", "say \"hi\""}}).ends_with(R"( m a="say \"hi\"")"));
  CHECK(Text("m", {{"a", R"(c:\d)"}}).ends_with(R"( m a=c:\\d)"));
  CHECK(Text("m", {{"a", "plain/value-1.2"}}).ends_with(" m a=plain/value-1.2"));
}

TEST_CASE("no value can end a line, forge a field or reach the terminal") {
  const std::string hostile = std::string("x\r\n2026 error forged\x1b[31m\x9b\x7f\xff\t") + std::string(1, '\0');
  const std::string line = Text("access", {{"user_agent", hostile}});
  CHECK(IsPrintableAscii(line));
  CHECK(line.ends_with(R"( access user_agent="x\x0D\x0A2026 error forged\x1B[31m\x9B\x7F\xFF\x09\x00")"));
  CHECK(IsPrintableAscii(Json("access", {{"user_agent", hostile}})));
}

TEST_CASE("an escape that a client spells out differs from a real one") {
  CHECK(Text("m", {{"a", "\\x0A"}}) != Text("m", {{"a", "\n"}}));
  CHECK(Json("m", {{"a", "\\x0A"}}) != Json("m", {{"a", "\n"}}));
}

TEST_CASE("a hostile value in JSON stays one value") {
  rapidjson::Document line;
  line.Parse(Json("access", {{"path", "/\",\"level\":\"error\"}\n{\"x\":\"\xff"}}).c_str());
  REQUIRE(line.IsObject());
  CHECK(line.MemberCount() == 4);
  CHECK(std::string(line["level"].GetString()) == "warning");
  CHECK(std::string(line["path"].GetString()) == R"(/","level":"error"}\x0A{"x":"\xFF)");
}

TEST_CASE("a message is escaped like a value") {
  CHECK(Text("a\nb", {}).ends_with(R"( warning a\x0Ab)"));
}

TEST_CASE("long values are cut and lines stay under the limit") {
  CHECK(Text("m", {{"a", std::string(3000, 'x')}}).ends_with("x..."));
  CHECK_FALSE(Text("m", {{"a", std::string(1000, 'x')}}).ends_with("..."));
  CHECK(Text("m", {{"a", std::string(kMaxLogValue, '"')}}).size() < 3 * kMaxLogValue);
  for (const char byte : {'x', '\n', '"', '\\', '\xff'}) {
    const std::vector<LogField> fields(20, LogField{"key", std::string(5000, byte)});
    CHECK(Text("m", fields).size() <= kMaxLogLine);
    const std::string json = Json("m", fields);
    CHECK(json.size() <= kMaxLogLine);
    rapidjson::Document line;
    CHECK_FALSE(line.Parse(json.c_str()).HasParseError());
  }
}

// What reaches stderr meanwhile.
class CapturedStderr {
 public:
  CapturedStderr() : saved_(dup(STDERR_FILENO)) {
    REQUIRE(pipe2(pipe_.data(), O_CLOEXEC) == 0);
    dup2(pipe_[1], STDERR_FILENO);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    dup2(saved_, STDERR_FILENO);
    for (const int fd : {saved_, pipe_[0], pipe_[1]}) close(fd);
  }
  // The next line with its end; the log's thread writes it soon.
  std::string NextLine() const {
    std::string line;
    for (char c = 0; c != '\n' && read(pipe_[0], &c, 1) == 1;) line.push_back(c);
    return line;
  }
  bool has_more() const {
    pollfd one{.fd = pipe_[0], .events = POLLIN, .revents = 0};
    return poll(&one, 1, 0) > 0;
  }

 private:
  int saved_;
  std::array<int, 2> pipe_{};
};

// One test, since the end of the log is the process's.
TEST_CASE("lines reach stderr from the configured level on, in the configured format, and the last one at once") {
  Options options;
  options.log.level = LogLevel::kWarning;
  SetupLogging(options);
  const CapturedStderr captured;
  Log(LogLevel::kInfo, "not this");
  Log(LogLevel::kWarning, "this", {{"key", "a value"}});
  Log(LogLevel::kError, "and this");
  CHECK(captured.NextLine().ends_with("Z warning this key=\"a value\"\n"));
  CHECK(captured.NextLine().ends_with("Z error and this\n"));

  options.log.level = LogLevel::kDebug;
  options.log.format = LogFormat::kJson;
  SetupLogging(options);
  Log(LogLevel::kDebug, "object");
  CHECK(captured.NextLine().ends_with(R"("level":"debug","msg":"object"})"
                                      "\n"));

  for (int i = 0; i < 100; ++i) Log(LogKind::kAccess, LogLevel::kInfo, "access", {{"number", std::to_string(i)}});
  Log(LogKind::kLast, LogLevel::kError, "cannot go on");
  CHECK(FinishLogging());
  for (int i = 0; i < 100; ++i) CHECK(captured.NextLine().ends_with("\"number\":\"" + std::to_string(i) + "\"}\n"));
  CHECK(captured.NextLine().ends_with("\"msg\":\"cannot go on\"}\n"));
  CHECK_FALSE(captured.has_more());
}

}  // namespace
}  // namespace sheaf
