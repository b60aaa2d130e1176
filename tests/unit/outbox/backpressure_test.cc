// A client that does not keep up, for each kind of outbox and each batching.slow_client: proxy/outbox/flow_control.md.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/fakes/outbox_fixture.h"

namespace sheaf {
namespace {

constexpr size_t kHigh = 64 * 1024;  // of ContextFixture
constexpr size_t kStop = kHigh - kHigh / 4;
constexpr size_t kLow = 16 * 1024;
constexpr size_t kMessage = 4096;

void Prepare(OutboxFixture& fixture, SlowClient slow_client, Delivery delivery = Delivery::kCork) {
  fixture.worker.options.batching.delivery = delivery;
  fixture.worker.options.batching.slow_client = slow_client;
  fixture.Open();
}

// Messages for a client that takes none of them, until `done`.
template <typename Done>
void Pour(OutboxFixture& fixture, Done done) {
  for (int i = 0; i < 200 && !done(); ++i) {
    fixture.Add(Numbered(kMessage));
    fixture.Turn();
  }
  REQUIRE(done());
}

}  // namespace

TEST_CASE("pause: the backend is stopped before the high mark, and read again under the low one") {
  for (const Delivery delivery : {Delivery::kOff, Delivery::kCork}) {
    CAPTURE(static_cast<int>(delivery));
    OutboxFixture fixture;
    Prepare(fixture, SlowClient::kPause, delivery);
    fixture.FillClient();
    CHECK_EQ(fixture.told_times("pause"), 0);
    Pour(fixture, [&] { return fixture.told_times("pause") > 0; });
    CHECK(fixture.told_times("watch") > 0);
    CHECK(fixture.outbox().waiting() > kStop);
    CHECK(fixture.outbox().waiting() <= kHigh);
    fixture.Add(Numbered(kMessage));  // was on its way
    CHECK_EQ(fixture.told_times("pause"), 1);
    CHECK_EQ(fixture.worker.metrics.backpressure_pauses_total[Side::kUpstream].value(), 1);

    size_t at_resume = SIZE_MAX;
    fixture.after = [&](std::string_view event) {
      if (event == "resume") at_resume = fixture.outbox().waiting();
    };
    fixture.ReadAll();
    CHECK_EQ(fixture.told_times("resume"), 1);
    CHECK(at_resume <= kLow);
    CHECK_EQ(fixture.outbox().waiting(), 0);
  }
}

TEST_CASE("pause: a client that keeps up stops nobody") {
  OutboxFixture fixture;
  Prepare(fixture, SlowClient::kPause);
  for (int round = 0; round < 25; ++round) {
    for (int i = 0; i < 4; ++i) fixture.Add(Numbered(kMessage));
    fixture.outbox().Flush(FlushReason::kAtOnce);  // what is gathered while the clock runs is the machine's affair
    fixture.worker.driver.Until([&] {
      fixture.sockets.peer->Read();
      return fixture.outbox().waiting() == 0;
    });
  }
  CHECK_EQ(fixture.ReadAll().size(), 100);
  CHECK_EQ(fixture.told_times("pause"), 0);
}

TEST_CASE("lower marks stop the backend of who is over them, and of nobody else") {
  OutboxFixture fixture;
  Prepare(fixture, SlowClient::kPause);
  fixture.FillClient();
  while (fixture.outbox().waiting() < kHigh / 3) fixture.Add(Numbered(kMessage));
  fixture.outbox().ObeyMarks();
  CHECK_EQ(fixture.told_times("pause"), 0);
  fixture.worker.driver.loop().SetMarks({.high = kHigh / 4, .low = kLow / 4});
  fixture.outbox().ObeyMarks();
  CHECK_EQ(fixture.told_times("pause"), 1);
}

TEST_CASE("close: the session ends, and nothing more is taken") {
  for (const Delivery delivery : {Delivery::kOff, Delivery::kCork}) {
    CAPTURE(static_cast<int>(delivery));
    OutboxFixture fixture;
    Prepare(fixture, SlowClient::kClose, delivery);
    Pour(fixture, [&] { return fixture.stopped(); });
    CHECK_EQ(fixture.told.back(), "close client_too_slow");
    CHECK_EQ(fixture.told_times("pause"), 0);
  }
}

TEST_CASE("close: one large message, and a session that ends anyway, are waited for") {
  for (const bool large : {true, false}) {
    CAPTURE(large);
    OutboxFixture fixture;
    Prepare(fixture, SlowClient::kClose);
    if (large) {
      fixture.Add(Numbered(16 * kHigh), true, true, 16 * 1024);
      fixture.Turn();
    } else {
      fixture.is_closing = true;
      Pour(fixture, [&] { return fixture.told_times("pause") > 0; });
    }
    CHECK_FALSE(fixture.stopped());
    CHECK_EQ(fixture.told_times("pause"), 1);
  }
}

TEST_CASE("drop_oldest: the backend is read on, the newest arrive, and what waits stays bounded") {
  OutboxFixture fixture;
  Prepare(fixture, SlowClient::kDropOldest);
  fixture.FillClient();
  for (int i = 0; i < 200; ++i) {
    fixture.Add(std::to_string(i) + "," + Numbered(kMessage));
    fixture.Turn();
    CHECK(fixture.outbox().waiting() <= kHigh + 2 * kMessage);
  }
  CHECK_EQ(fixture.told_times("pause"), 0);
  CHECK(fixture.worker.plan().counters.route->dropped.value() > 100);
  const std::vector<std::string> got = fixture.ReadAll();
  CHECK(got.back().starts_with("text 199,"));
  CHECK(got.size() < 150);
}

TEST_CASE("conflate without a rule pauses: nothing has a key") {
  OutboxFixture fixture;
  Prepare(fixture, SlowClient::kConflate);
  Pour(fixture, [&] { return fixture.told_times("pause") > 0; });
}

TEST_CASE("a Close from within any event of an outbox is the end: it is not written to, and tells nothing more") {
  for (const SlowClient slow_client : {SlowClient::kPause, SlowClient::kDropOldest, SlowClient::kClose}) {
    for (const Delivery delivery : {Delivery::kOff, Delivery::kCork}) {
      for (const std::string word : {"watch", "pause", "resume"}) {
        CAPTURE(word);
        CAPTURE(static_cast<int>(slow_client));
        OutboxFixture fixture;
        Prepare(fixture, slow_client, delivery);
        size_t told_at_end = 0;
        fixture.after = [&](std::string_view event) {
          if (event != word || told_at_end > 0) return;
          told_at_end = fixture.told.size();
          fixture.Stop();
        };
        for (int i = 0; i < 100; ++i) {
          fixture.Add(Numbered(kMessage));
          fixture.Turn();
        }
        if (!fixture.stopped()) fixture.ReadAll();
        if (told_at_end > 0) CHECK_EQ(fixture.told.size(), told_at_end);
        fixture.Stop();
        fixture.worker.driver.Settle();
        CHECK(fixture.outbox().writer().full());
        CHECK_EQ(fixture.outbox().writer().queued(), 0);
      }
    }
  }
}

// Growth makes the worker look at the level of memory pressure, which may close who is too slow.
TEST_CASE("a Close from within the look at growth ends before anything is decided") {
  OutboxFixture fixture;
  Prepare(fixture, SlowClient::kPause);
  fixture.FillClient();
  fixture.told.clear();
  fixture.worker.home.on_growth = [&] { fixture.Stop(); };
  fixture.Add(Numbered(kMessage));
  CHECK(fixture.stopped());
  CHECK(fixture.told.empty());
}

}  // namespace sheaf
