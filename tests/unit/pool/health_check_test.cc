// The health check against a backend that answers as the test says.
#include "pool/health_check.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tests/fakes/endpoints.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/scripted_backend.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;

struct Check {
  Check() {
    SetLogLevel(LogLevel::kError);
    options.pool.health_check_interval = milliseconds(100);
    options.pool.health_check_timeout = milliseconds(10'000);
  }

  void Start() { Start(backend.address()); }
  void Start(const net::Address& address) {
    check = std::make_unique<HealthCheck>(driver.loop(), endpoint, address,
                                          UpstreamSettings::From(options, DefaultBackend(options)), metrics);
  }
  uint64_t passed() { return metrics.health_checks_total[CheckResult::kPassed].value(); }
  uint64_t failed() { return metrics.health_checks_total[CheckResult::kFailed].value(); }

  ScriptedBackend backend;
  Options options;
  const EndpointRef made = EndpointAt("http://backend:8000", {});
  Endpoint& endpoint = *made;
  WorkerMetrics metrics;
  LoopDriver driver{[this] { backend.Poll(); }};
  std::unique_ptr<HealthCheck> check;
};

// One HTTP check that the backend answers by `answer`, and then closes.
struct HttpCheck : Check {
  explicit HttpCheck(const std::string& answer) {
    options.pool.health_check_path = "/health?full=1";
    options.pool.health_check_interval = milliseconds(60'000);
    Start();
    driver.Until([&] { return backend.accepted() == 1 && backend.received(0).ends_with("\r\n\r\n"); });
    if (!answer.empty()) backend.Send(0, answer);
    backend.Close(0);
    driver.Until([&] { return passed() + failed() == 1; });
  }
};

}  // namespace

TEST_CASE("without a path a connection is enough, and it is closed at once") {
  Check check;
  check.Start();
  check.driver.Until([&] { return check.passed() == 1; });
  CHECK(check.endpoint.up());
  check.driver.Until([&] { return check.backend.accepted() == 1 && check.backend.ended(0); });
  CHECK(check.backend.received(0).empty());
}

TEST_CASE("the check is repeated at its interval") {
  Check check;
  check.Start();
  check.driver.Until([&] { return check.passed() == 3; });
  CHECK_EQ(check.failed(), 0);
}

TEST_CASE("a check that is not due is not made") {
  Check check;
  check.options.pool.health_check_interval = milliseconds(60'000);
  check.Start();
  check.driver.Until([&] { return check.passed() == 1; });
  check.driver.For(milliseconds(400));
  CHECK_EQ(check.passed(), 1);
}

TEST_CASE("a backend that refuses is down, and up again soon after it returns") {
  Check check;
  check.backend.StopListening();
  check.options.pool.health_check_interval = milliseconds(60'000);  // while it is down it is asked every second
  check.Start();
  check.driver.Until([&] { return check.failed() == 1; });
  CHECK_FALSE(check.endpoint.up());
  check.backend.ListenAgain();
  check.driver.Until([&] { return check.passed() == 1; });
  CHECK(check.endpoint.up());
}

TEST_CASE("a backend that was up and fails a check is down") {
  Check check;
  check.Start();
  check.driver.Until([&] { return check.endpoint.up(); });
  check.backend.StopListening();
  check.driver.Until([&] { return !check.endpoint.up(); });
  CHECK(check.failed() >= 1);
}

TEST_CASE("without an address nothing is checked, and with the first one at once") {
  Check check;
  check.options.pool.health_check_interval = milliseconds(60'000);
  check.Start(net::Address());
  check.driver.For(milliseconds(200));
  CHECK_EQ(check.failed(), 0);
  check.check->SetTargets(check.backend.address());
  check.driver.Until([&] { return check.endpoint.up(); });
  CHECK_EQ(check.passed(), 1);
}

TEST_CASE("another address is checked at once where the last one was down, and at its time where it was up") {
  Check check;
  ScriptedBackend other;
  other.StopListening();
  check.options.pool.health_check_interval = milliseconds(60'000);
  int failed = 0;
  check.endpoint.WatchDials([&failed] { ++failed; });
  check.Start(other.address());
  check.driver.Until([&] { return check.failed() == 1; });
  CHECK_EQ(failed, 1);
  check.check->SetTargets(check.backend.address());
  check.driver.Until([&] { return check.endpoint.up(); });
  check.check->SetTargets(other.address());
  check.driver.For(milliseconds(200));
  CHECK_EQ(check.passed() + check.failed(), 2);
  CHECK_EQ(failed, 1);
}

TEST_CASE("an HTTP check asks for the path and names the backend as its Host") {
  HttpCheck check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(check.backend.received(0).starts_with("GET /health?full=1 HTTP/1.1\r\nHost: backend:8000\r\n"));
  CHECK(check.backend.received(0).find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK_EQ(check.passed(), 1);
  CHECK(check.endpoint.up());
}

TEST_CASE("2xx and 3xx pass, every other answer fails") {
  struct Row {
    std::string answer;
    bool passes;
  };
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
      {"HTTP/1.1 204 No Content\r\n\r\n", true},
      {"HTTP/1.0 200 OK\r\n\r\nok", true},
      {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", true},
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false},
      {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", false},
      {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", false},
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false},
      {"HTTP/1.1 200 O", false},
      {"", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    HttpCheck check(row.answer);
    CHECK_EQ(check.passed(), row.passes ? 1 : 0);
    CHECK_EQ(check.failed(), row.passes ? 0 : 1);
    CHECK_EQ(check.endpoint.up(), row.passes);
  }
}

TEST_CASE("an interim response before the answer is not the answer") {
  HttpCheck check("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK_EQ(check.passed(), 1);
}

TEST_CASE("an answer that comes in small parts is put together") {
  Check check;
  check.options.pool.health_check_path = "/";
  check.Start();
  check.driver.Until([&] { return check.backend.accepted() == 1; });
  for (const char c : std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) {
    CHECK_EQ(check.passed(), 0);
    check.backend.Send(0, std::string(1, c));
    check.driver.Turn();
    check.driver.Turn();
  }
  check.driver.Until([&] { return check.passed() == 1; });
}

TEST_CASE("a backend that accepts and never answers fails at health_check_timeout, and is asked again") {
  Check check;
  check.options.pool.health_check_path = "/";
  check.options.pool.health_check_timeout = milliseconds(150);
  check.Start();
  check.driver.Until([&] { return check.failed() == 1; });
  CHECK_FALSE(check.endpoint.up());
  check.driver.Until([&] { return check.backend.ended(0); });
  check.driver.Until([&] { return check.backend.accepted() == 2 && !check.backend.received(1).empty(); });
  check.backend.Answer(1);
  check.driver.Until([&] { return check.endpoint.up(); });
}

TEST_CASE("a backend that answers slowly but within health_check_timeout passes") {
  Check check;
  check.options.pool.health_check_path = "/";
  check.options.pool.health_check_timeout = milliseconds(5'000);
  check.Start();
  check.driver.Until([&] { return check.backend.accepted() == 1 && !check.backend.received(0).empty(); });
  check.driver.For(milliseconds(300));
  CHECK_EQ(check.failed(), 0);
  check.backend.Answer(0);
  check.driver.Until([&] { return check.passed() == 1; });
}

TEST_CASE("the next check goes to the address that a look-up has found") {
  Check check;
  ScriptedBackend moved;
  check.Start();
  check.driver.Until([&] { return check.passed() == 1; });
  check.backend.StopListening();
  check.check->SetTargets(moved.address());
  check.driver.Until([&] {
    moved.Poll();
    return moved.accepted() >= 1;
  });
  CHECK_EQ(check.failed(), 0);
}

TEST_CASE("a check that is under way ends with its owner") {
  Check check;
  check.options.pool.health_check_path = "/";
  check.Start();
  check.driver.Until([&] { return check.backend.accepted() == 1; });
  check.check.reset();
  check.driver.Until([&] { return check.backend.ended(0); });
  CHECK_EQ(check.passed() + check.failed(), 0);
}

}  // namespace sheaf::pool
