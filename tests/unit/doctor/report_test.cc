#include "proxy/doctor/report.h"

#include <doctest/doctest.h>

#include "proxy/doctor/request.h"

namespace sheaf::doctor {
namespace {

Answer Ok() {
  Answer answer;
  answer.status = 200;
  answer.body = "hello";
  answer.delay = std::chrono::microseconds(1250);
  return answer;
}

Finding FindingOf(const Answer& direct, const Answer& through) {
  Finding finding;
  finding.question = {"HTTP GET", "/page?token=secret", false};
  finding.direct = {direct, direct};
  finding.through = {through, through};
  finding.comparison = Compare(finding.question, finding.direct, finding.through);
  return finding;
}

TEST_CASE("the report has a line a question, without its query, and says that nothing differs") {
  const std::string report = BuildReport({FindingOf(Ok(), Ok())});
  CHECK(report.find("HTTP GET /page  200, 5 bytes  1.2 ms  200, 5 bytes   1.2 ms  same\n") != std::string::npos);
  CHECK(report.find("secret") == std::string::npos);
  CHECK(report.find("Nothing that matters differs.") != std::string::npos);
}

TEST_CASE("each difference is told with its remedy") {
  Answer through = Ok();
  through.status = 431;
  through.body = R"({"reason":"head_too_large","request_id":"1"})";
  const std::string report = BuildReport({FindingOf(Ok(), through)});
  CHECK(report.find("DIFFERS") != std::string::npos);
  CHECK(report.find("HTTP GET: status: directly 200, through Sheaf 431 head_too_large\n      -> limits.max_head:") !=
        std::string::npos);
}

TEST_CASE("nothing that a backend sends can forge a line or move the cursor") {
  CHECK(Printable("a\r\nb\x1B[2J") == "a\\x0D\\x0Ab\\x1B[2J");
  CHECK(Printable(std::string(300, 'x'), 50).size() <= 50 + 3);
  Answer answer;
  answer.close_code = 1008;
  answer.close_reason = "no";
  CHECK(CloseText(answer) == "1008 \"no\"");
}

TEST_CASE("requests have the Host, the Origin where browsers send one, and the given fields") {
  const Manner manner{
      .host = "a.example", .origin = "https://b.example", .subprotocols = "chat", .fields = {"Cookie: x=1"}};
  const std::string page = BuildRequest({"HTTP GET", "/", false}, manner, false);
  CHECK(page.starts_with("GET / HTTP/1.1\r\nHost: a.example\r\n"));
  CHECK(page.find("Origin") == std::string::npos);
  CHECK(page.find("X-Forwarded-Proto") == std::string::npos);
  CHECK(page.ends_with("Cookie: x=1\r\n\r\n"));
  const std::string socket = BuildRequest({"WebSocket", "/ws", true}, manner, true);
  CHECK(socket.find("Origin: https://b.example\r\n") != std::string::npos);
  CHECK(socket.find("Sec-WebSocket-Protocol: chat\r\n") != std::string::npos);
  CHECK(socket.find("X-Forwarded-Proto: https\r\n") != std::string::npos);
  const std::string polling = BuildRequest({"Socket.IO", "/socket.io/?EIO=4&transport=polling", false}, manner, false);
  CHECK(polling.find("Origin: https://b.example\r\n") != std::string::npos);
}

}  // namespace
}  // namespace sheaf::doctor
