// The figures between two looks, and the frame that shows them.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "proxy/cli/figures.h"
#include "proxy/cli/look.h"
#include "proxy/cli/top_figures.h"
#include "proxy/cli/top_frame.h"

namespace sheaf::cli {
namespace {

Json Parsed(std::string_view text) {
  const auto json = Json::Parse(text);
  REQUIRE(json);
  return *json;
}

constexpr std::string_view kBefore = R"({"sessions":{"total_sessions":10,"messages_to_clients":1000,
  "messages_to_upstream":100,"closed":{"drain":5,"client_closed":90}},"http":{"total_requests":10},
  "clients":{"sent_bytes":5000},"message_batcher":{"statistics":{"total_messages":1000,"total_batches_sent":100,
  "frames_saved":900,"payload_bytes":10000,"sent_bytes":4000},"delay_ms_histogram":{"1":500,"10":0,"+Inf":0}}})";
constexpr std::string_view kNow = R"({"version":"0.1.0","ready":true,"uptime_seconds":100,
  "configuration":{"generation":1,"last_reload_successful":true},
  "sessions":{"active_sessions":7,"total_sessions":14,"messages_to_clients":3000,
  "messages_to_upstream":300,"closed":{"drain":5,"client_closed":94,"memory_shed":6}},"http":{"total_requests":12},
  "clients":{"sent_bytes":9000,"connections":8},"message_batcher":{"statistics":{"total_messages":3000,
  "total_batches_sent":200,"frames_saved":2700,"payload_bytes":30000,"sent_bytes":8000},
  "delay_ms_histogram":{"1":500,"10":90,"+Inf":10}},
  "memory_optimizer":{"percent":50,"limit_mb":512,"pressure_level":"normal","moderate_percent":60,"high_percent":72,
  "critical_percent":80,"queued_bytes":1024,"buffered_bytes":1024}})";

LookedAt Seen(std::string_view text) {
  return {.json = Parsed(text), .body = std::string(text), .why = {}};
}

Look MakeLook() {
  std::string connections = R"({"total":30,"connections":[)";
  for (int i = 0; i < 30; ++i) {
    connections +=
        std::string(i > 0 ? "," : "") + R"({"id":"0-)" + std::to_string(i) +
        R"(","user":"u\u001b[2J","path":"/ws/\u202eroom/with/a/very/long/name/that/is/cut","state":"active"})";
  }
  Look look;
  look.stats = Seen(kNow);
  look.pools = Seen(R"({"pools":[{"backend":"default","endpoint":"127.0.0.1:8000","state":"up","max_size":1000,
    "connections":{"idle":1,"active":2},"waiting":3,"acquire_p99_ms":0.5}]})");
  look.connections = Seen(connections + "]}");
  look.events = Seen(R"({"last":7,"events":[{"number":6,"time":1,"level":"info","kind":"reload","message":"reloaded",
    "fields":{"generation":2}},{"number":7,"time":2,"level":"warning","kind":"pressure","message":"memory pressure",
    "fields":{}}]})");
  return look;
}

bool Has(const std::vector<std::string>& lines, std::string_view part) {
  return std::any_of(lines.begin(), lines.end(),
                     [part](const std::string& one) { return one.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("rates are what was added between the looks, a second") {
  const TopFigures figures = Compare(Parsed(kBefore), Parsed(kNow), 2);
  CHECK(figures.opened == 2);
  CHECK(figures.requests == 1);
  CHECK(figures.messages_to_clients == 1000);
  CHECK(figures.messages_to_upstream == 100);
  CHECK(figures.frames_to_clients == 100);
  CHECK(figures.payload_bytes == 10'000);
  CHECK(figures.sent_bytes == 2000);
  CHECK(figures.wire_bytes == 2000);
  CHECK(figures.batch_size == 20);
  CHECK(figures.delay_p50_ms == doctest::Approx(1 + 9 * 50 / 90.0));
  CHECK(figures.delay_p99_ms == 10);
}

TEST_CASE("closes are those since the look before, and then all, the most first") {
  const auto closes = Compare(Parsed(kBefore), Parsed(kNow), 2).closes;
  REQUIRE(closes.size() == 3);
  CHECK(closes[0].reason == "memory_shed");
  CHECK(closes[0].since == 6);
  CHECK(closes[1].reason == "client_closed");
  CHECK(closes[1].since == 4);
  CHECK(closes[1].total == 94);
  CHECK(closes[2].since == 0);
}

TEST_CASE("with one look there are no rates, but what has been since the start") {
  const TopFigures figures = Compare(Json(), Parsed(kNow), 0);
  CHECK(figures.messages_to_clients == 0);
  CHECK(figures.batch_size == 15);
  CHECK(figures.closes.at(0).reason == "client_closed");
  CHECK(figures.closes.at(0).since == 0);
}

TEST_CASE("a quantile is interpolated within its bucket") {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  CHECK(Quantile({}, 0.5) == 0);
  CHECK(Quantile({{1, 0}, {2, 0}}, 0.5) == 0);
  CHECK(Quantile({{1, 100}}, 0.5) == 0.5);
  CHECK(Quantile({{1, 50}, {3, 50}}, 0.75) == 2);
  CHECK(Quantile({{1, 50}, {3, 50}}, 1) == 3);
  CHECK(Quantile({{1, 0}, {3, 0}, {kInfinite, 5}}, 0.5) == 3);
}

TEST_CASE("a frame shows the figures, pools, connections and events, and no control character") {
  const auto lines = BuildFrame(MakeLook(), Compare(Parsed(kBefore), Parsed(kNow), 2),
                                {.width = 200, .sort = "bytes", .with_keys = true});
  for (const std::string part :
       {"Sheaf 0.1.0, up 1m 40s, ready", "sessions 7, 2/s new; clients 8; requests 1/s",
        "1k/s to clients in 100 frames/s, 100/s to the backend", "20 messages each", "9.8 KiB/s before, 2 KiB/s behind",
        "2 KiB queued", "50 % of 512 MiB", "[####################----|---|---|-------]",
        "memory_shed 6 (+6), client_closed 94 (+4), drain 5", "default  127.0.0.1:8000  up", "0-0",
        "info reloaded generation=2", "warning memory pressure", "sorted by bytes"}) {
    CAPTURE(part);
    CHECK(Has(lines, part));
  }
  for (const std::string& line : lines) {
    CHECK(std::none_of(line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; }));
    CHECK(line.find("\u202E") == std::string::npos);
  }
}

TEST_CASE("a frame fits its terminal: connections give way first, and long lines are cut") {
  const Look look = MakeLook();
  const TopFigures figures = Compare(Parsed(kBefore), Parsed(kNow), 2);
  for (const size_t height : {1, 5, 10, 16, 24, 50}) {
    for (const size_t width : {1, 20, 80, 200}) {
      const auto lines =
          BuildFrame(look, figures, {.width = width, .height = height, .sort = "bytes", .with_keys = true});
      CHECK(lines.size() <= height);
      for (const std::string& line : lines) CHECK(WidthOfText(line) <= width);
    }
  }
  CHECK(Has(BuildFrame(look, figures, {.width = 80, .height = 24}), "memory pressure"));
  CHECK(Has(BuildFrame(look, figures, {.width = 80, .height = 24}), "0-0"));
}

TEST_CASE("what is refused says why in its place") {
  Look look = MakeLook();
  look.connections = {.json = {}, .body = "{}", .why = "set admin.token\n  -> there"};
  look.pools = {.json = {}, .body = "{}", .why = "there is nothing at this path"};
  const auto lines = BuildFrame(look, {}, {});
  CHECK(Has(lines, "connections: set admin.token"));
  CHECK_FALSE(Has(lines, "\n"));
  CHECK(Has(lines, "pools: there is nothing at this path"));
  CHECK(JsonOf(look).find(R"("pools":null,"connections":null,"events":{)") != std::string::npos);
}

TEST_CASE("a pause, and an answer that does not come, stand in the first line") {
  CHECK(BuildFrame(MakeLook(), {}, {.paused = true}).at(0).ends_with("PAUSED"));
  CHECK(BuildFrame(MakeLook(), {}, {.trouble = "127.0.0.1:1: Connection refused\n  -> do"}).at(0) ==
        "NO ANSWER: 127.0.0.1:1: Connection refused");
}

}  // namespace sheaf::cli
