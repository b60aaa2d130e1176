// Who is pinged, and who is given up, by what is known of the client.
#include "proxy/session/client_watch.h"

#include <doctest/doctest.h>

#include <chrono>

namespace sheaf {
namespace {

using std::chrono::seconds;
using Verdict = ClientWatch::Verdict;

constexpr ClientWatch::Limits kLimits{.ping_interval = seconds(25), .ping_timeout = seconds(20), .stall = seconds(60)};

// Time in seconds from the session's begin.
struct Fixture {
  ClientWatch watch{At(0)};
  ClientWatch::View view{.full = false, .stalled = {}, .unread = false, .ping_waits = false, .ping_left_at = {}};
  ClientWatch::Limits limits = kLimits;

  static TimePoint At(int second) { return TimePoint(seconds(1000 + second)); }
  Verdict Look(int second) { return watch.Look(view, limits, At(second)); }
  Duration NextAt(int second) { return watch.UntilNextLook(view, limits, At(second)); }
  void PingLeaves(int second) { view.ping_left_at = At(second); }
};

}  // namespace

TEST_CASE("a quiet client is pinged, and given up when it does not answer in time") {
  Fixture fixture;
  CHECK_EQ(fixture.NextAt(0), seconds(25));
  CHECK_EQ(fixture.Look(24), Verdict::kFine);
  CHECK_EQ(fixture.Look(25), Verdict::kSendPing);
  fixture.PingLeaves(25);
  CHECK_EQ(fixture.NextAt(25), seconds(20));
  CHECK_EQ(fixture.Look(44), Verdict::kFine);
  CHECK_EQ(fixture.NextAt(44), seconds(1));
  CHECK_EQ(fixture.Look(45), Verdict::kPingTimeout);
}

TEST_CASE("a byte of the client is an answer") {
  Fixture fixture;
  CHECK_EQ(fixture.Look(25), Verdict::kSendPing);
  fixture.PingLeaves(25);
  fixture.watch.Heard(Fixture::At(44));
  CHECK_EQ(fixture.Look(45), Verdict::kFine);
  CHECK_EQ(fixture.NextAt(45), seconds(24));
  CHECK_EQ(fixture.Look(69), Verdict::kSendPing);
}

TEST_CASE("a client that sends is not pinged, and without an interval none is") {
  Fixture fixture;
  for (int second = 20; second < 200; second += 20) {
    fixture.watch.Heard(Fixture::At(second));
    CHECK_EQ(fixture.Look(second + 19), Verdict::kFine);
  }
  fixture.limits.ping_interval = {};
  CHECK_EQ(fixture.Look(10'000), Verdict::kFine);
  CHECK_EQ(fixture.NextAt(10'000), Duration::max());
}

TEST_CASE("the time of an answer counts from when the ping has left") {
  Fixture fixture;
  CHECK_EQ(fixture.Look(25), Verdict::kSendPing);
  fixture.view.ping_waits = true;
  CHECK_EQ(fixture.Look(100), Verdict::kFine);
  CHECK_EQ(fixture.NextAt(100), seconds(20));
  fixture.view.ping_waits = false;
  fixture.PingLeaves(101);
  CHECK_EQ(fixture.Look(120), Verdict::kFine);
  CHECK_EQ(fixture.Look(121), Verdict::kPingTimeout);
}

TEST_CASE("what waited in the queue has left when that is empty") {
  Fixture fixture;
  CHECK_EQ(fixture.Look(25), Verdict::kSendPing);
  fixture.PingLeaves(25);
  fixture.watch.MayAnswer(Fixture::At(60));
  CHECK_EQ(fixture.Look(79), Verdict::kFine);
  CHECK_EQ(fixture.Look(80), Verdict::kPingTimeout);
}

// The backend takes nothing.
TEST_CASE("a client that is not read is pinged again, and not given up for a Pong that lies there") {
  Fixture fixture;
  CHECK_EQ(fixture.Look(25), Verdict::kSendPing);
  fixture.PingLeaves(25);
  fixture.view.unread = true;
  CHECK_EQ(fixture.Look(45), Verdict::kFine);
  CHECK_EQ(fixture.NextAt(45), seconds(5));
  CHECK_EQ(fixture.Look(50), Verdict::kSendPing);
}

TEST_CASE("a client that reads nothing is given up, however it is pinged") {
  Fixture fixture;
  fixture.view.full = fixture.view.ping_waits = true;
  fixture.view.stalled = seconds(10);
  CHECK_FALSE(fixture.watch.watching_for_stall());
  CHECK_EQ(fixture.NextAt(10), seconds(15));  // a ping comes before
  CHECK(fixture.watch.watching_for_stall());
  fixture.view.stalled = seconds(59);
  CHECK_EQ(fixture.Look(59), Verdict::kSendPing);
  CHECK_EQ(fixture.NextAt(59), seconds(1));
  fixture.view.stalled = seconds(60);
  CHECK_EQ(fixture.Look(60), Verdict::kStalled);
}

}  // namespace sheaf
