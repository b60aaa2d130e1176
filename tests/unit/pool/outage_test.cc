// What the log is told of a backend that cannot be reached.
#include "pool/outage.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/base/log.h"
#include "tests/fakes/log_recorder.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

constexpr TimePoint kStart{std::chrono::hours(1)};

}  // namespace

TEST_CASE("the first success is told, and no other") {
  LogRecorder log;
  Outage outage("backend:80");
  outage.End(kStart);
  CHECK(log.lines == Lines{"info the backend is up upstream=backend:80"});
}

TEST_CASE("an outage is one line when it begins, whatever the number of attempts, and one when it is over") {
  LogRecorder log;
  Outage outage("backend:80");
  for (int i = 0; i < 100; ++i) {
    outage.Fail(kStart + milliseconds(200) * i, "Connection refused");
    outage.CountRefused();
  }
  CHECK(log.lines == Lines{"warning the backend is down upstream=backend:80 error=Connection refused"});
  log.lines.clear();
  outage.End(kStart + milliseconds(20'150));
  CHECK(log.lines == Lines{"info the backend is up again upstream=backend:80 down_seconds=20.1 failed_attempts=100 "
                           "refused_requests=100 untold_outages=0"});
}

TEST_CASE("an outage that lasts is told once a minute, with the newest cause") {
  LogRecorder log;
  Outage outage("backend:80");
  outage.Fail(kStart, "Connection refused");
  log.lines.clear();
  for (int second = 1; second <= 150; ++second) {
    outage.Fail(kStart + seconds(second), "status 500");
    outage.CountRefused();
  }
  CHECK(log.lines == Lines{"warning the backend is still down upstream=backend:80 error=status 500 down_seconds=60.0 "
                           "failed_attempts=61 refused_requests=59 untold_outages=0",
                           "warning the backend is still down upstream=backend:80 error=status 500 down_seconds=120.0 "
                           "failed_attempts=121 refused_requests=119 untold_outages=0"});
}

TEST_CASE("each of a few outages is told, with figures of its own") {
  LogRecorder log;
  Outage outage("b");
  for (int i = 0; i < 3; ++i) {
    outage.Fail(kStart + seconds(10 * i), "x");
    outage.CountRefused();
    outage.End(kStart + seconds(10 * i + 1));
  }
  CHECK_EQ(log.lines.size(), 6);
  CHECK_EQ(
      log.lines.back(),
      "info the backend is up again upstream=b down_seconds=1.0 failed_attempts=1 refused_requests=1 untold_outages=0");
}

TEST_CASE("of a backend that comes and goes all the time five outages a minute are told, and the others counted") {
  LogRecorder log;
  Outage outage("b");
  for (int i = 0; i < 100; ++i) {
    outage.Fail(kStart + milliseconds(500) * i, "x");
    outage.End(kStart + milliseconds(500) * i + milliseconds(100));
  }
  CHECK_EQ(log.lines.size(), 10);
  log.lines.clear();
  outage.Fail(kStart + seconds(61), "x");
  outage.End(kStart + seconds(62));
  REQUIRE_EQ(log.lines.size(), 2);
  CHECK(log.lines[1].ends_with("untold_outages=95"));
}

TEST_CASE("an outage of which no line was written is told when it has lasted a minute") {
  LogRecorder log;
  Outage outage("b");
  for (int i = 0; i < 6; ++i) {
    outage.Fail(kStart, "x");
    outage.End(kStart);
  }
  log.lines.clear();
  outage.Fail(kStart, "x");
  CHECK(log.lines.empty());
  outage.Fail(kStart + seconds(60), "x");
  CHECK_EQ(log.lines.size(), 1);
  outage.End(kStart + seconds(61));
  CHECK_EQ(log.lines.size(), 2);
}

}  // namespace sheaf::pool
