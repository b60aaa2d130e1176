// What people read, made of answers as the admin listener gives them.
#include "proxy/cli/printers.h"

#include <doctest/doctest.h>

#include "proxy/cli/refusal.h"
#include "proxy/cli/stats_text.h"

namespace sheaf::cli {
namespace {

Json Parsed(std::string_view text) {
  const auto json = Json::Parse(text);
  REQUIRE(json);
  return *json;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("sessions are a table, with the total below it and the workers that did not answer") {
  const std::string text = PrintConnections(Parsed(R"({"total":1200,"offset":0,"limit":100,"connections":[
    {"id":"0-1a","user":"alice","path":"/ws\u001b[2J","route":"/","backend":"default","endpoint":"127.0.0.1:8000",
     "state":"idle","client":"192.0.2.1","age_seconds":200.5,"idle_seconds":42.1,"queued_bytes":1536,"messages_in":3,
     "messages_out":12345,"bytes_in":30,"bytes_out":2097152,"frames_out":900,"batch_ratio":13.7,"delivery":"cork",
     "compression":"shared"}],"late_workers":[1]})"));
  CHECK(
      text ==
      "ID    USER   PATH        BACKEND                 STATE  CLIENT        AGE  IDLE   QUEUED  IN     OUT   SENT  "
      "RATIO\n"
      "0-1a  alice  /ws\\x1B[2J  default/127.0.0.1:8000  idle   192.0.2.1  3m 20s  42 s  1.5 KiB   3  12,345  2 MiB   "
      "13.7\n"
      "1 of 1,200 sessions; workers 1 did not answer in time\n");
}

TEST_CASE("with rates, the rate stands in the last column") {
  const std::string text = PrintConnections(
      Parsed(R"({"total":1,"connections":[{"id":"0-1","bytes_per_second":2048,"messages_per_second":3}]})"));
  CHECK(Has(text, "RATE\n"));
  CHECK(Has(text, "2 KiB/s\n"));
}

TEST_CASE("one session is a line a field, with units, and control characters escaped") {
  const std::string text = PrintConnections(Parsed(
      R"({"id":"0-1a","user":"","path":"/ws","idle_seconds":3,"bytes_out":1024,"user_agent":"a\u001b]0;x\u0007b",
          "upstream":{"mode":"tunnel","reused":true},"errors":{}})"));
  CHECK(text ==
        "id               0-1a\npath             /ws\nidle_seconds     3 s\nbytes_out        1 KiB\n"
        "user_agent       a\\x1B]0;x\\x07b\nupstream.mode    tunnel\nupstream.reused  true\n");
}

TEST_CASE("an action's answer is one line; lists that are empty are left out") {
  CHECK(PrintAnswer(Parsed(R"({"status":"ok","sessions":12,"late_workers":[]})")) == "ok: sessions 12\n");
  CHECK(PrintAnswer(Parsed(R"({"status":"ok","sessions":2,"bytes":2048,"late_workers":[0,3]})")) ==
        "ok: sessions 2, bytes 2 KiB, late workers 0, 3\n");
  CHECK(PrintAnswer(Parsed(R"({"status":"ok","generation":2,"sha256":"ab","needs_restart":["workers"]})")) ==
        "ok: generation 2, sha256 ab, needs restart workers\n");
  CHECK(PrintAnswer(Parsed(R"({"status":"serving"})")) == "serving\n");
  CHECK(PrintAnswer(Parsed(R"({})")) == "\n");
}

TEST_CASE("stats that lack every field are printed all the same") {
  CHECK(Has(PrintStats(Parsed("{}")), "sessions"));
}

TEST_CASE("stats show each group's figures") {
  const std::string text = PrintStats(Parsed(R"({"version":"0.1.0","uptime_seconds":11520,"ready":true,
    "configuration":{"generation":3,"last_reload_successful":true},
    "connection_pool":{"pool_size":{"active":12,"max":1000,"utilization":0.01},"connection_states":{"idle":3,"broken":1},"waiting_requests":2,
      "statistics":{"reuse_rate":0.5,"ready_rate":0.975,"avg_acquire_time_ms":0.2,"total_failed":4}},
    "message_batcher":{"statistics":{"avg_batch_size":12.3,"avg_delay_ms":4.2,"frames_saved":123456,
      "payload_bytes":12582912,"sent_bytes":3145728},"deflate":{"compression_ratio":5.2}},
    "memory_optimizer":{"percent":45.1,"limit_mb":512,"pressure_level":"normal","moderate_percent":60,"high_percent":72,
      "critical_percent":80,"rss_mb":210,"queued_bytes":2048},
    "sessions":{"active_sessions":1000,"total_sessions":12345,"messages_to_clients":1234567,
      "closed":{"client_closed":12,"drain":3,"none":0}},
    "http":{"total_requests":77,"refused":{"pool_exhausted":5}}})"));
  for (const char* part :
       {"Sheaf 0.1.0, up 3h 12m, ready, generation 3\n", "1,000 open, 12,345 opened", "1,234,567 (0 B) to clients",
        "12.3 messages a batch", "123,456 frames saved", "12 MiB became 3 MiB; compression 5.2",
        "12 leased, each endpoint takes at most 1,000 (the fullest is at 1 %); 3 idle, 0 connecting, 0 stale, ",
        "1 broken; 2 waiting", "50 % reused, 97.5 % ready", "45.1 % of 512 MiB, normal (60/72/80), RSS 210 MiB",
        "2 KiB wait", "12 client_closed, 3 drain\n", "refused: 5 pool_exhausted"}) {
    CAPTURE(part);
    CHECK(Has(text, part));
  }
  CHECK_FALSE(Has(text, "0 none"));
}

TEST_CASE("a refusal says what the server says, line by line, or the beginning of what it said") {
  CHECK(WhyRefused(403, R"({"status":403,"message":"set admin.token"})") == "set admin.token");
  CHECK(WhyRefused(401, R"({"status":401,"message":"admin.token is asked for"})")
            .starts_with("admin.token is asked for\n  -> it is taken from admin.token "));
  CHECK(WhyRefused(422, R"({"status":"failed","error":"a.conf:1:1: bad\na.conf:2:1: worse\u001b[2J"})") ==
        "a.conf:1:1: bad\na.conf:2:1: worse\\x1B[2J");
  CHECK(WhyRefused(503, R"({"status":"failed","reason":"draining"})") == "draining");
  CHECK(WhyRefused(502, "<html>\n") == "status 502: <html>\\x0A");
  CHECK(Has(WhyNoAnswer("127.0.0.1:9901: Connection refused"), "--admin ADDRESS"));
}

}  // namespace sheaf::cli
