#include "proxy/base/option_table.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>

using namespace std::chrono_literals;

namespace sheaf {
namespace {

std::string Set(const char* section, const char* name, std::string_view text, Options& options) {
  const OptionRow* row = FindOption(section, name);
  REQUIRE(row != nullptr);
  return SetFromText(*row, row->slot(options), text);
}

std::string Set(const char* section, const char* name, std::string_view text) {
  Options options;
  return Set(section, name, text, options);
}

TEST_CASE("permissions are three or four octal digits") {
  CHECK(ParseFileMode("0660") == 0660U);
  CHECK(ParseFileMode("600") == 0600U);
  CHECK(ParseFileMode("0777") == 0777U);
  CHECK(ParseFileMode("000") == 0U);
  for (const char* text : {"", "0", "66", "0668", "1777", "00660", "0o660", "-660", "rw-", " 660", "0x1f"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseFileMode(text).has_value());
  }
}

TEST_CASE("times have a unit, and only whole numbers") {
  CHECK(ParseDuration("50ms") == 50ms);
  CHECK(ParseDuration("0s") == 0ms);
  CHECK(ParseDuration("5s") == 5s);
  CHECK(ParseDuration("10m") == 10min);
  CHECK(ParseDuration("1h") == 1h);
  for (const char* text : {"", "5", "s", "ms", "1.5s", "-1s", "+1s", " 1s", "1 s", "1s ", "1d", "1h30m", "0x1s",
                           "99999999999999999999s"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseDuration(text).has_value());
  }
}

TEST_CASE("a time that milliseconds cannot count is refused") {
  CHECK(ParseDuration("2562047788015h").has_value());
  CHECK_FALSE(ParseDuration("2562047788016h").has_value());
}

TEST_CASE("sizes are bytes or powers of 1024") {
  CHECK(ParseBytes("0") == 0);
  CHECK(ParseBytes("4096") == 4096);
  CHECK(ParseBytes("64KiB") == 65536);
  CHECK(ParseBytes("16MiB") == 16ULL << 20);
  CHECK(ParseBytes("2GiB") == 2ULL << 30);
  CHECK(ParseBytes("3TiB") == 3ULL << 40);
  for (const char* text : {"", "KiB", "Ki", "64KB", "64K", "64kb", "1.5MiB", "1.5Mi", "-1", "1 KiB",
                           "9223372036854775808", "8388608TiB"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseBytes(text).has_value());
  }
}

TEST_CASE("sizes may be written as Kubernetes writes them, and in letters of any case") {
  CHECK(ParseBytes("64Ki") == 65536);
  CHECK(ParseBytes("256Mi") == 256ULL << 20);
  CHECK(ParseBytes("2Gi") == 2ULL << 30);
  CHECK(ParseBytes("3Ti") == 3ULL << 40);
  CHECK(ParseBytes("64kib") == 65536);
  CHECK(ParseBytes("64KIB") == 65536);
  CHECK(ParseBytes("256mi") == 256ULL << 20);
}

TEST_CASE("formatted times and sizes parse to the same value") {
  for (const auto time : {0ms, 1ms, 999ms, 1000ms, 1500ms, 60000ms, 90000ms, 3600000ms, 5400000ms}) {
    CAPTURE(time.count());
    CHECK(ParseDuration(FormatDuration(time)) == time);
  }
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{1023}, uint64_t{1024}, uint64_t{1536},
                              uint64_t{1} << 20, uint64_t{3} << 40}) {
    CAPTURE(size);
    CHECK(ParseBytes(FormatBytes(size)) == size);
  }
  CHECK(FormatDuration(90s) == "90s");
  CHECK(FormatBytes(65536) == "64KiB");
}

TEST_CASE("every default is a value that its own row accepts, and is the one in the struct") {
  for (const OptionRow& row : OptionRows()) {
    CAPTURE(row.FullName());
    Options untouched;
    Options set;
    std::string fallback(row.fallback);
    if (row.unit == OptionUnit::kList || row.unit == OptionUnit::kOneOrList)
      std::erase_if(fallback, [](char c) { return std::strchr("[]\" ", c) != nullptr; });
    CHECK(SetFromText(row, row.slot(set), fallback) == "");
    CHECK(FormatValue(row, row.slot(set)) == FormatValue(row, row.slot(untouched)));
  }
}

TEST_CASE("what a route inherits is its new sessions', what listeners have is live, and threads need a restart") {
  for (const RouteRow& row : RouteRows()) CHECK(row.inherits->takes == Takes::kNewSessions);
  for (const ListenerRow& row : ListenerRows()) CHECK(row.inherits->takes == Takes::kLive);
  for (const OptionRow& row : OptionRows()) CHECK((row.takes == Takes::kRestart) == (row.FullName() == "workers"));
  CHECK(NameOf(FindOption("batching", "size")->takes) == "new sessions");
  CHECK(NameOf(FindOption("log", "level")->takes) == "live");
}

TEST_CASE("the defaults are those of the product contract") {
  const Options options;
  CHECK(options.workers == kAuto);
  CHECK(options.listen.address == std::vector<std::string>{":8080"});
  CHECK(options.upstream.url == "http://127.0.0.1:8000");
  CHECK(options.upstream.mode == UpstreamMode::kTunnel);
  CHECK(options.upstream.tls_verify);
  CHECK(options.pool.min_size == kAuto);
  CHECK(options.pool.max_size == 10000);
  CHECK(options.pool.stale_timeout == 300s);
  CHECK(options.pool.max_lifetime == 1h);
  CHECK(options.limits.max_message == 16ULL << 20);
  CHECK(options.limits.max_body == 0);
  CHECK(options.timeouts.idle == 75s);
  CHECK(options.websocket.ping_interval == 25s);
  CHECK(options.websocket.allowed_origins.empty());
  CHECK(options.forwarded.trusted_proxies == std::vector<std::string>{"127.0.0.1", "::1"});
  CHECK_FALSE(options.proxies_named);
  CHECK(options.forwarded.header == ForwardedHeader::kXForwarded);
  CHECK(options.identity.user_header == "X-User-ID");
  CHECK(options.limits.underscores == Underscores::kPass);
  CHECK(options.admin.address == "127.0.0.1:9901");
  CHECK(options.drain.timeout == 25s);
  CHECK(options.log.level == LogLevel::kInfo);
  CHECK(options.log.format == LogFormat::kText);
  CHECK(options.log.access);
}

TEST_CASE("numbers, sizes and times are accepted at their bounds and refused beyond them") {
  CHECK(Set("listen", "backlog", "1") == "");
  CHECK(Set("listen", "backlog", "65535") == "");
  CHECK(Set("listen", "backlog", "0") == "must be a number from 1 to 65535, not \"0\"");
  CHECK(Set("listen", "backlog", "65536") == "must be a number from 1 to 65535, not \"65536\"");
  CHECK(Set("limits", "max_head", "512") == "");
  CHECK(Set("limits", "max_head", "1MiB") == "");
  CHECK(Set("limits", "max_head", "511") != "");
  CHECK(Set("limits", "max_head", "1048577") != "");
  CHECK(Set("timeouts", "head", "1ms") == "");
  CHECK(Set("timeouts", "head", "1h") == "");
  CHECK(Set("timeouts", "head", "0s") != "");
  CHECK(Set("timeouts", "head", "61m") != "");
}

TEST_CASE("a refused value leaves the option as it was") {
  Options options;
  CHECK(Set("pool", "min_size", "many", options) != "");
  CHECK(options.pool.min_size == kAuto);
}

TEST_CASE("workers are a number or auto") {
  Options options;
  CHECK(Set("", "workers", "3", options) == "");
  CHECK(options.workers == 3);
  CHECK(Set("", "workers", "auto", options) == "");
  CHECK(options.workers == kAuto);
  CHECK(Set("", "workers", "0", options) == "must be \"auto\" or a number from 1 to 1024, not \"0\"");
}

TEST_CASE("words, switches and lists are read from text") {
  Options options;
  CHECK(Set("log", "level", "error", options) == "");
  CHECK(options.log.level == LogLevel::kError);
  CHECK(Set("log", "level", "loud", options) == "must be \"debug\", \"info\", \"warning\" or \"error\", not \"loud\"");
  CHECK(Set("log", "access", "false", options) == "");
  CHECK_FALSE(options.log.access);
  CHECK(Set("log", "access", "maybe", options) == "must be true or false, not \"maybe\"");
  CHECK(Set("forwarded", "trusted_proxies", "10.0.0.0/8,::1", options) == "");
  CHECK(options.forwarded.trusted_proxies == std::vector<std::string>{"10.0.0.0/8", "::1"});
  CHECK(Set("forwarded", "trusted_proxies", "", options) == "");
  CHECK(options.forwarded.trusted_proxies.empty());
}

TEST_CASE("words and switches are taken as they are meant") {
  Options options;
  for (const char* text : {"warn", "WARN", "Warning", "WARNING", " warning\n"}) {
    CAPTURE(text);
    options.log.level = LogLevel::kInfo;
    CHECK(Set("log", "level", text, options) == "");
    CHECK(options.log.level == LogLevel::kWarning);
  }
  CHECK(Set("log", "level", "INFO", options) == "");
  CHECK(options.log.level == LogLevel::kInfo);
  CHECK(Set("log", "format", "Json", options) == "");
  CHECK(options.log.format == LogFormat::kJson);
  CHECK(Set("log", "format", "warn", options) != "");
  CHECK(Set("batching", "slow_client", "drop-oldest", options) == "");
  CHECK(options.batching.slow_client == SlowClient::kDropOldest);
  CHECK(Set("batching", "envelope", "SOCKETIO_EVENT", options) == "");
  CHECK(options.batching.envelope == Envelope::kSocketIoEvent);
  CHECK(Set("pool", "min_size", "Auto", options) == "");
  for (const char* text : {"true", "True", "TRUE", "yes", "on", "1"}) {
    CAPTURE(text);
    options.log.access = false;
    CHECK(Set("log", "access", text, options) == "");
    CHECK(options.log.access);
  }
  for (const char* text : {"false", "False", "no", "Off", "0"}) {
    CAPTURE(text);
    options.log.access = true;
    CHECK(Set("log", "access", text, options) == "");
    CHECK_FALSE(options.log.access);
  }
  for (const char* text : {"", "truee", "tru", "2", "yess"}) CHECK(Set("log", "access", text) != "");
}

TEST_CASE("blanks around an item of a list, a number, a size or a time mean nothing; a text is taken as it is") {
  Options options;
  CHECK(Set("forwarded", "trusted_proxies", " 10.0.0.0/8, ::1 ,, 192.168.0.0/16,\n", options) == "");
  CHECK(options.forwarded.trusted_proxies == std::vector<std::string>{"10.0.0.0/8", "::1", "192.168.0.0/16"});
  CHECK(Set("forwarded", "trusted_proxies", " , ", options) == "");
  CHECK(options.forwarded.trusted_proxies.empty());
  CHECK(Set("pool", "max_size", " 20\n", options) == "");
  CHECK(options.pool.max_size == 20);
  CHECK(Set("memory", "limit", " 256Mi ", options) == "");
  CHECK(options.memory.limit == 256ULL << 20);
  CHECK(Set("timeouts", "head", "5s ", options) == "");
  CHECK(options.timeouts.head == 5s);
  CHECK(Set("pool", "max_size", "2 0") != "");
  CHECK(Set("admin", "token", " a b ", options) == "");
  CHECK(options.admin.token == " a b ");
}

TEST_CASE("names and environment variables are unique") {
  std::set<std::string> names;
  std::set<std::string> variables;
  for (const OptionRow& row : OptionRows()) {
    CHECK(names.insert(row.FullName()).second);
    CHECK(variables.insert(row.EnvironmentName()).second);
    CHECK_FALSE(row.doc.empty());
  }
  CHECK(names.contains("workers"));
  CHECK(variables.contains("SHEAF_POOL_MIN_SIZE"));
}

TEST_CASE("a route inherits every key from the options that it is made from") {
  Options options;
  options.timeouts.response = 7s;
  options.timeouts.body = 8s;
  options.limits.max_body = 9;
  options.limits.max_message = 10;
  options.websocket.ping_interval = 11s;
  options.websocket.ping_timeout = 12s;
  options.websocket.allowed_origins = {"https://a.example"};
  const RouteOptions route = InheritRoute(options, "/x");
  CHECK(route.path == "/x");
  CHECK(route.response_timeout == 7s);
  CHECK(route.body_timeout == 8s);
  CHECK(route.max_body == 9);
  CHECK(route.max_message == 10);
  CHECK(route.ping_interval == 11s);
  CHECK(route.ping_timeout == 12s);
  CHECK(route.allowed_origins == options.websocket.allowed_origins);
}

TEST_CASE("texts are quoted as TOML asks") {
  CHECK(QuoteToml("a") == "\"a\"");
  CHECK(QuoteToml("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(QuoteToml(std::string_view("\n\x1b\x00", 3)) == "\"\\u000A\\u001B\\u0000\"");
}

}  // namespace
}  // namespace sheaf
