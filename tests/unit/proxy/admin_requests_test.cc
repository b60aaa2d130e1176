// What the admin listener answers, path by path.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "proxy/admin/requests.h"
#include "tests/unit/proxy/admin_asking.h"

namespace sheaf {
namespace {

using Fixture = AdminAsking;

TEST_CASE_FIXTURE(Fixture, "A reload asks for the token, which must be set, or for a Unix socket") {
  CHECK(Ask("POST /reload").status == 403);
  options.token = "secret";
  CHECK(Ask("POST /reload").status == 401);
  CHECK(Ask("POST /reload", "Authorization: Bearer wrong\r\n").status == 401);
  const AdminAnswer answer = Ask("POST /reload", "Authorization: Bearer secret\r\n");
  CHECK(answer.status == 200);
  CHECK(answer.body == "{\"status\":\"ok\",\"generation\":7,\"sha256\":\"ab\",\"needs_restart\":[\"workers\"]}\n");
  CHECK(Ask("POST /reload", "Authorization: Bearer secret\r\nOrigin: http://a\r\n").status == 403);
  options.token = "";
  options.address = "unix:/run/sheaf-admin.sock";
  CHECK(Ask("POST /reload").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "Events are told from a number on, and are UTF-8 whatever their texts are") {
  const LogField field{"file", "/caf\xe9/\x1b[0m\xc3\xa9"};
  source.ring.Add(EventKind::kStart, LogLevel::kInfo, "listening", {});
  source.ring.Add(EventKind::kReload, LogLevel::kError, "reload failed", {&field, 1});
  const AdminAnswer all = Ask("GET /events");
  CHECK(all.status == 200);
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(all.body.c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(document["last"].GetUint64() == 2);
  CHECK(document["events"].Size() == 2);
  CHECK(document["events"][1]["fields"]["file"].GetString() == std::string("/caf\uFFFD/\x1b[0m\u00e9"));
  CHECK(Ask("GET /events?since=2").body == "{\"last\":2,\"events\":[]}\n");
  for (const char* const wrong : {"-1", "x", "1.5", "99999999999999999999"}) {
    CHECK(Ask(std::string("GET /events?since=") + wrong).status == 400);
  }
  CHECK(Ask("GET /events?last=1").status == 400);
}

const std::string kPush = "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n";

TEST_CASE_FIXTURE(Fixture, "A push is passed on as it was meant, and the answer tells what came of it") {
  options.token = "secret";
  source.late = {1};
  const std::string body =
      R"({"path":"/a/../ws/","event":"e\"","data":{"n":[1.5,null]},"namespace":"/x","message_type":"critical"})";
  const AdminAnswer answer = AskWith(kPush + "Content-Length: 1\r\n\r\n", body);
  CHECK(answer.status == 200);
  CHECK(answer.body == R"({"status":"late","sessions":2,"not_taken":1,"not_socketio":0,"pods":1,"late_workers":[1]})"
                       "\n");
  REQUIRE(source.pushed.size() == 1);
  CHECK(source.pushed[0].to.by == Selector::By::kPath);
  CHECK(source.pushed[0].to.whom == "/ws");
  CHECK(source.pushed[0].payload == R"(42/x,["e\"",{"n":[1.5,null]}])");
  CHECK(source.pushed[0].event);
  CHECK(source.pushed[0].urgency == Urgency::kCritical);
}

TEST_CASE_FIXTURE(Fixture,
                  "A session that is not there, or takes no events, is an error only where it alone is meant") {
  options.token = "secret";
  source.tally = {};
  const std::string head = kPush + "Content-Length: 1\r\n\r\n";
  CHECK(AskWith(head, R"({"session_id":"0-1","text":""})").status == 404);
  CHECK(AskWith(head, R"({"user_id":"a","text":""})").status == 200);
  source.late = {0};
  CHECK(AskWith(head, R"({"session_id":"0-1","text":""})").status == 200);
  source.late = {};
  source.tally = {.meant = 1, .unfit = 1};
  CHECK(AskWith(head, R"({"session_id":"0-1","event":"e"})").status == 409);
  CHECK(AskWith(head, R"({"all":true,"event":"e"})").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "A body is asked for by those that take one, up to their limit, and by nobody else") {
  options.token = "secret";
  const auto judge = [this](const std::string& head) {
    wire::RequestHead request;
    REQUIRE_FALSE(wire::ParseRequestHead(head, wire::HeadLimits{}, request).has_value());
    return JudgeAdminRequest(request, options);
  };
  CHECK(judge(kPush + "Content-Length: 1048576\r\n\r\n").most_body == 1048576);
  CHECK(judge(kPush + "Transfer-Encoding: chunked\r\n\r\n").most_body == 1048576);
  CHECK(judge(kPush + "Content-Length: 1048577\r\n\r\n").refusal->status == 413);
  CHECK(Ask("POST /reload", "Authorization: Bearer secret\r\nContent-Length: 1\r\n").status == 400);
  CHECK(Ask("GET /livez", "Content-Length: 1\r\n").status == 400);
  // Before a byte of it is read.
  CHECK(Ask("POST /api/messages", "Content-Length: 9\r\n").status == 401);
  CHECK(source.pushed.empty());
}

TEST_CASE_FIXTURE(Fixture, "An action is passed on as it was meant, with what is meant where nothing is said") {
  options.token = "secret";
  const auto ask = [this](const std::string& path, const std::string& body) {
    return AskWith("POST " + path + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\nContent-Length: 1\r\n\r\n",
                   body);
  };
  CHECK(ask("/close", R"({"user_id":"a","code":4000,"reason":"","over":"10s"})").body ==
        "{\"status\":\"ok\",\"sessions\":5,\"late_workers\":[]}\n");
  CHECK(source.closing->of.by == Selector::By::kUser);
  CHECK(source.closing->of.whom == "a");
  CHECK(source.closing->reason == CloseReason::kOperator);
  CHECK(source.closing->words.code == 4000);
  CHECK(source.closing->words.text.empty());
  CHECK(source.closing->over == std::chrono::seconds(10));
  ask("/close", R"({"backend":"default/unix:/run/a.sock"})");
  CHECK(source.closing->of.whom == "default/unix:/run/a.sock");
  CHECK(source.closing->words.code == 1012);
  CHECK(source.closing->words.text == "closed by an operator");
  CHECK(source.closing->over == Duration(0));
  ask("/rebalance", R"({"share":0.25})");
  CHECK(source.closing->of.by == Selector::By::kAll);
  CHECK(source.closing->reason == CloseReason::kRebalance);
  CHECK(source.closing->share == 0.25);
  CHECK(source.closing->over == std::chrono::minutes(1));
  source.late = {1};
  CHECK(ask("/flush", R"({"path":"/a/"})").body ==
        "{\"status\":\"late\",\"sessions\":5,\"bytes\":700,\"late_workers\":[1]}\n");
  CHECK(source.flushed->whom == "/a");
  CHECK(ask("/flush", "").status == 200);
  CHECK(source.flushed->by == Selector::By::kAll);
}

TEST_CASE_FIXTURE(Fixture, "A session that is not there is an error of an action, unless its worker is late") {
  options.token = "secret";
  source.acted = {};
  const std::string head =
      "POST /close HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\nContent-Length: 1\r\n\r\n";
  CHECK(AskWith(head, R"({"session_id":"0-1"})").status == 404);
  CHECK(AskWith(head, R"({"user_id":"a"})").status == 200);
  source.late = {0};
  CHECK(AskWith(head, R"({"session_id":"0-1"})").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "GET /drain changes something: it asks for the token, and has all the time that it takes") {
  CHECK(Ask("GET /drain").status == 403);
  options.token = "secret";
  CHECK(Ask("GET /drain").status == 401);
  CHECK(Ask("GET /drain", "Authorization: Bearer secret\r\nOrigin: http://a\r\n").status == 403);
  CHECK(Ask("GET /drain", "Authorization: Bearer secret\r\n").body ==
        "{\"status\":\"drained\",\"sessions\":1,\"sessions_closed\":9}\n");
  source.drain = {.state = DrainAnswer::State::kRefused, .refusal = "why"};
  CHECK(Ask("POST /undrain", "Authorization: Bearer secret\r\n").status == 409);
  CHECK(Ask("DELETE /drain", "Authorization: Bearer secret\r\n").extra_fields == "Allow: POST, GET\r\n");
  CHECK(Ask("HEAD /drain", "Authorization: Bearer secret\r\n").status == 405);
  const auto takes_long = [this](const std::string& line) {
    wire::RequestHead request;
    const std::string head = line + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n\r\n";
    REQUIRE_FALSE(wire::ParseRequestHead(head, wire::HeadLimits{}, request).has_value());
    return JudgeAdminRequest(request, options).may_take_long;
  };
  CHECK(takes_long("GET /drain"));
  CHECK_FALSE(takes_long("POST /drain"));
  CHECK_FALSE(takes_long("POST /reload"));
}

TEST_CASE_FIXTURE(Fixture, "A reload that fails says why, and what is in force") {
  options.token = "secret";
  source.reload = {.taken = false, .generation = 6, .digest = "cd", .error = "a.conf:1:1: \"x\"", .needs_restart = {}};
  const AdminAnswer answer = Ask("POST /reload", "Authorization: Bearer secret\r\n");
  CHECK(answer.status == 422);
  rapidjson::Document document;
  document.Parse(answer.body.c_str());
  CHECK(document["error"] == "a.conf:1:1: \"x\"");
  CHECK(document["generation"].GetInt() == 6);
}

TEST_CASE_FIXTURE(Fixture, "Only a POST reloads, and only what changes something takes a POST") {
  options.token = "secret";
  const AdminAnswer get = Ask("GET /reload", "Authorization: Bearer secret\r\n");
  CHECK(get.status == 405);
  CHECK(get.extra_fields == "Allow: POST\r\n");
  CHECK(Ask("POST /livez").status == 405);
  CHECK(Ask("POST /reload", "Authorization: Bearer secret\r\nContent-Length: 3\r\n").status == 400);
  CHECK(Ask("POST /reload", "Authorization: Bearer secret\r\nContent-Length: 0\r\n").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "The history has all of the samples, or those of the last so much time") {
  const auto now = std::chrono::system_clock::now();
  for (const int hours : {3, 2, 0}) {
    source.history.Add({.at = now - std::chrono::hours(hours), .reading = {.used = 1 << 20, .limit = 4 << 20}});
  }
  const auto samples = [this](const std::string& query) {
    const AdminAnswer answer = Ask("GET /api/performance/websocket/metrics" + query);
    CHECK(answer.status == 200);
    rapidjson::Document document;
    document.Parse(answer.body.c_str());
    return document["metrics"].Size();
  };
  CHECK(samples("") == 3);
  CHECK(samples("?last=150m") == 2);
  CHECK(samples("?last=1m") == 1);
  CHECK(samples("?last=2562047788015h") == 3);
  const auto second = [](auto time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
  };
  CHECK(samples("?since=" + second(now - std::chrono::minutes(150))) == 2);
  CHECK(samples("?since=" + second(now + std::chrono::minutes(1))) == 0);
  CHECK(samples("?since=0") == 3);
  for (const std::string wrong :
       {"?last=", "?last=5", "?last=-1m", "?first=1m", "?last=1m&x=1", "?last=1m&last=1m", "?since=", "?since=-1",
        "?since=1e300", "?since=nan", "?since=10m", "?since=1&last=1m"}) {
    CHECK_MESSAGE(Ask("GET /api/performance/websocket/metrics" + wrong).status == 400, wrong);
  }
}

TEST_CASE_FIXTURE(Fixture, "From the time of a sample on, that sample is the first") {
  const auto now = std::chrono::system_clock::now();
  for (const int seconds : {3, 2, 1}) source.history.Add({.at = now - std::chrono::seconds(seconds), .reading = {}});
  rapidjson::Document all;
  all.Parse(Ask("GET /api/performance/websocket/metrics").body.c_str());
  REQUIRE(all["metrics"].Size() == 3);
  std::ostringstream time;
  time.precision(17);
  time << all["metrics"][1]["timestamp"].GetDouble();
  rapidjson::Document later;
  later.Parse(Ask("GET /api/performance/websocket/metrics?since=" + time.str()).body.c_str());
  CHECK(later["metrics"].Size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "A sample of the history has the original's names") {
  source.history.Add({.at = std::chrono::system_clock::now(),
                      .reading = {.used = 2 << 20, .limit = 4 << 20, .rss = 1 << 20, .vms = 8 << 20},
                      .level = PressureLevel::kModerate});
  rapidjson::Document document;
  document.Parse(Ask("GET /api/performance/websocket/metrics").body.c_str());
  const auto& sample = document["metrics"][0];
  CHECK(sample["rss_mb"].GetDouble() == 1);
  CHECK(sample["vms_mb"].GetDouble() == 8);
  CHECK(sample["percent"].GetDouble() == 50);
  CHECK(std::string(sample["pressure_level"].GetString()) == "moderate");
  CHECK(sample["timestamp"].GetDouble() > 1.6e9);
}

TEST_CASE_FIXTURE(Fixture, "A probe tells 200 when all is well") {
  for (const std::string& path : kProbes) {
    const AdminAnswer answer = Ask("GET " + path);
    CHECK(answer.status == 200);
    CHECK(answer.body == "{\"status\":\"ok\"}\n");
    CHECK(answer.content_type == "application/json");
  }
}

TEST_CASE_FIXTURE(Fixture, "Each probe looks at its own condition only") {
  source.is_ready = false;
  CHECK(Ask("GET /metrics").body.find("\nsheaf_ready 0\n") != std::string::npos);
  CHECK(Ask("GET /readyz").status == 503);
  CHECK(Ask("GET /livez").status == 200);
  CHECK(Ask("GET /startupz").status == 200);  // start-up never waits for the backend
  source.is_ready = true;
  CHECK(Ask("GET /metrics").body.find("\nsheaf_ready 1\n") != std::string::npos);
  live = false;
  CHECK(Ask("GET /livez").status == 503);
  CHECK(Ask("GET /readyz").status == 200);
  live = true;
  source.is_started = false;
  CHECK(Ask("GET /startupz").status == 503);
  CHECK(Ask("GET /livez").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "A failed readiness probe gives the reason as JSON") {
  source.is_ready = false;
  rapidjson::Document document;
  document.Parse(Ask("GET /readyz").body.c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(document["reason"] == "no backend is up");
}

TEST_CASE_FIXTURE(Fixture, "Metrics come in Prometheus' text format, with what the workers counted") {
  source.registry.AddWorker().messages_to_clients_total.Add(12);
  const AdminAnswer answer = Ask("GET /metrics");
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(answer.body.find("\nsheaf_messages_to_clients_total 12\n") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "Metrics come as OpenMetrics to whom asks for it, also in a second line of Accept") {
  source.registry.AddWorker().messages_to_clients_total.Add(12);
  const AdminAnswer answer =
      Ask("GET /metrics", "Accept: text/plain;q=0.5\r\naccept: application/openmetrics-text\r\n");
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8");
  CHECK(answer.extra_fields == "Vary: Accept\r\n");
  CHECK(answer.body.find("\nsheaf_messages_to_clients_total 12\n") != std::string::npos);
  CHECK(answer.body.ends_with("\n# EOF\n"));
}

TEST_CASE_FIXTURE(Fixture, "Statistics come as JSON") {
  const AdminAnswer answer = Ask("GET /api/performance/websocket/stats");
  rapidjson::Document document;
  document.Parse(answer.body.c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(answer.content_type == "application/json");
  CHECK(document["version"] == "9.9");
}

TEST_CASE_FIXTURE(Fixture, "A query does not change the path") {
  CHECK(Ask("GET /readyz?verbose").status == 200);
  CHECK(Ask("GET /metrics?name[]=up").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "What is not a path of ours is 404, however close it comes") {
  for (const std::string path :
       {"/livez/", "/LIVEZ", "/metricsx", "//metrics", "/api/performance/websocket", "/%6Civez"}) {
    INFO(path);
    CHECK(Ask("GET " + path).status == 404);
  }
}

TEST_CASE_FIXTURE(Fixture, "HEAD is answered like GET, every other method with 405 and what is allowed") {
  for (const auto& paths : {kProbes, kGuarded}) {
    for (const std::string& path : paths) {
      CHECK(Ask("HEAD " + path).status == 200);
      for (const std::string method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
        const AdminAnswer answer = Ask(method + " " + path);
        CHECK(answer.status == 405);
        CHECK(answer.extra_fields == "Allow: GET, HEAD\r\n");
      }
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "A GET with a body is refused") {
  CHECK(Ask("GET /metrics", "Content-Length: 3\r\n").status == 400);
  CHECK(Ask("GET /metrics", "Transfer-Encoding: chunked\r\n").status == 400);
  CHECK(Ask("GET /metrics", "Content-Length: 0\r\n").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "An endpoint is drained by its name, with slashes of its own, and told what there is else") {
  options.token = "t";
  const std::string token = "Authorization: Bearer t\r\n";
  CHECK(Ask("POST /backends/default/127.0.0.1:8001/drain", token).status == 200);
  CHECK(source.drained == "default 127.0.0.1:8001 drain");
  CHECK(Ask("POST /backends/real.time/unix:/run/app.sock/undrain", token).status == 200);
  CHECK(source.drained == "real.time unix:/run/app.sock undrain");
  CHECK(Ask("POST /backends/default/unix:%2Frun%2Fapp.sock/drain", token).status == 200);
  CHECK(source.drained == "default unix:/run/app.sock drain");
  source.drained.clear();
  for (const std::string path :
       {"/backends/", "/backends/drain", "/backends/default/drain", "/backends/default/a:1/x"}) {
    CAPTURE(path);
    CHECK(Ask("POST " + path, token).status == 404);
  }
  CHECK(source.drained.empty());
  CHECK(Ask("POST /backends/default/unknown/drain", token).status == 404);
  CHECK(Ask("POST /backends/default/127.0.0.1:8001/drain").status == 401);
  CHECK(Ask("GET /backends/default/127.0.0.1:8001/drain", token).status == 405);
  CHECK(Ask("POST /backends", token).status == 405);
}

TEST_CASE("An answer is a complete response, and one to HEAD has the length but not the body") {
  const AdminAnswer answer{.status = 405, .extra_fields = "Allow: GET, HEAD\r\n", .body = "{}\n"};
  const std::string head =
      "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\nContent-Length: 3\r\nCache-Control: "
      "no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nAllow: GET, HEAD\r\n";
  CHECK(SerializeAdminAnswer(answer, false, true) == head + "Connection: keep-alive\r\n\r\n{}\n");
  CHECK(SerializeAdminAnswer(answer, true, false) == head + "Connection: close\r\n\r\n");
}

TEST_CASE("Every status that is given has its phrase") {
  for (const auto& [status, phrase] : std::vector<std::pair<int, std::string>>{{200, "OK"},
                                                                               {400, "Bad Request"},
                                                                               {401, "Unauthorized"},
                                                                               {403, "Forbidden"},
                                                                               {404, "Not Found"},
                                                                               {503, "Service Unavailable"}}) {
    const std::string line = "HTTP/1.1 " + std::to_string(status) + " " + phrase + "\r\n";
    CHECK(SerializeAdminAnswer({.status = status}, true, true).starts_with(line));
  }
}

TEST_CASE("A head that is not HTTP is refused with the proxy's own status for it") {
  CHECK(RefuseAdminRequest(RefuseReason::kHeadTimeout).status == 408);
  CHECK(RefuseAdminRequest(RefuseReason::kHeadTooLarge).status == 431);
  CHECK(RefuseAdminRequest(RefuseReason::kHttp2Preface).status == 505);
}

}  // namespace
}  // namespace sheaf
