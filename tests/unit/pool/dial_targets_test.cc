// A backend at one of two addresses: the order of dials, and when a failure counts.
#include "pool/dial_targets.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "pool/health_check.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;

net::Address At(const char* text) {
  return net::Address::Resolve(text).value();
}

const std::vector<net::Address> kBoth{At("127.0.0.1:80"), At("[::1]:80")};

// A pool that knows `backend` and, in front of it, an address where nobody listens.
struct TwoAddresses : PoolFixture {
  TwoAddresses() {
    nobody.StopListening();
    options.pool.backoff_min = options.pool.backoff_max = milliseconds(60'000);
    endpoint.WatchDials([this] { ++told; });
    address = net::Address();
    Start();
    SetAddresses({nobody.address(), backend.address()});
  }
  std::unique_ptr<HttpStream> Ask(RecordingEvents& events) { return upstream->Send(Get(), events); }

  ScriptedBackend nobody;
  int told = 0;  // failures that the resolver hears of
};

}  // namespace

TEST_CASE("one address fails at once, and stays") {
  DialTargets targets(At("127.0.0.1:80"));
  CHECK_FALSE(targets.empty());
  CHECK_FALSE(targets.Fail(0));
  CHECK_FALSE(targets.Fail(0));
  CHECK(targets.current() == At("127.0.0.1:80"));
  CHECK(DialTargets().empty());
  CHECK(DialTargets(net::Address()).empty());
}

TEST_CASE("of two the second is tried before a failure counts, and then the first again") {
  DialTargets targets(kBoth);
  CHECK(targets.current() == kBoth[0]);
  CHECK(targets.Fail(0));
  CHECK(targets.current() == kBoth[1]);
  CHECK_FALSE(targets.Fail(1));
  CHECK(targets.current() == kBoth[0]);
  CHECK(targets.Fail(0));
}

TEST_CASE("the one that answered is tried first, until it fails") {
  DialTargets targets(kBoth);
  CHECK(targets.Fail(0));
  targets.Succeed(1);
  CHECK(targets.current() == kBoth[1]);
  CHECK(targets.Fail(1));
  CHECK(targets.current() == kBoth[0]);
  targets.Succeed(0);
  CHECK(targets.Fail(0));
}

TEST_CASE("of several dials to one address the first failure counts") {
  DialTargets targets(kBoth);
  CHECK(targets.Fail(0));
  CHECK(targets.Fail(0));
  CHECK(targets.Fail(0));
  CHECK(targets.current() == kBoth[1]);
  CHECK_FALSE(targets.Fail(1));
  CHECK(targets.Fail(1));
  CHECK(targets.current() == kBoth[0]);
}

TEST_CASE("requests are served by the second address where the first refuses, and nobody hears of a failure") {
  TwoAddresses fixture;
  std::vector<RecordingEvents> events(5);
  std::vector<std::unique_ptr<HttpStream>> streams;
  for (RecordingEvents& one : events) streams.push_back(fixture.Ask(one));
  fixture.driver.Until([&] { return fixture.Active() == 5; });
  for (const RecordingEvents& one : events) CHECK(one.told.empty());
  CHECK(fixture.endpoint.up());
  CHECK_EQ(fixture.told, 0);

  RecordingEvents later;
  const uint64_t failed = fixture.metrics.pool_failed_total.value();
  const auto stream = fixture.Ask(later);
  fixture.driver.Until([&] { return fixture.Active() == 6; });
  CHECK_EQ(fixture.metrics.pool_failed_total.value(), failed);  // it dialled the second one first
}

TEST_CASE("where both refuse it is one failure, with one back-off") {
  TwoAddresses fixture;
  fixture.backend.StopListening();
  RecordingEvents events;
  const auto stream = fixture.Ask(events);
  fixture.driver.Until([&] { return !events.told.empty(); });
  CHECK(events.Told("closed upstream_connect_failed"));
  CHECK_EQ(fixture.metrics.pool_failed_total.value(), 2);
  CHECK_EQ(fixture.told, 1);
  CHECK_FALSE(fixture.endpoint.up());
}

TEST_CASE("the health check passes at the second address, and goes there first the next time") {
  LoopDriver driver;
  ScriptedBackend nobody;
  ScriptedBackend backend;
  nobody.StopListening();
  Options options;
  options.pool.health_check_interval = milliseconds(100);
  const EndpointRef made = EndpointAt("http://localhost:8000", {});
  Endpoint& endpoint = *made;
  int told = 0;
  endpoint.WatchDials([&told] { ++told; });
  WorkerMetrics metrics;
  HealthCheck check(driver.loop(), endpoint, std::vector{nobody.address(), backend.address()},
                    UpstreamSettings::From(options, DefaultBackend(options)), metrics);
  driver.Until([&] { return metrics.health_checks_total[CheckResult::kPassed].value() == 3; });
  CHECK(endpoint.up());
  CHECK_EQ(metrics.health_checks_total[CheckResult::kFailed].value(), 0);
  backend.StopListening();
  driver.Until([&] { return metrics.health_checks_total[CheckResult::kFailed].value() == 1; });
  CHECK_FALSE(endpoint.up());
  CHECK_EQ(told, 1);
  nobody.ListenAgain();
  driver.Until([&] { return endpoint.up(); });
}

}  // namespace sheaf::pool
