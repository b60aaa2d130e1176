// Messages of another than the backend, in each kind of outbox: order, urgency, and what a client takes that is full.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fakes/outbox_fixture.h"

namespace sheaf {
namespace {

using Texts = std::vector<std::string>;

constexpr size_t kHigh = 64 * 1024;  // of ContextFixture
constexpr size_t kMessage = 4096;

struct Kind {
  const char* name;
  Delivery delivery;
  std::optional<Envelope> envelope;
};
const Kind kKinds[] = {{"pass", Delivery::kOff, std::nullopt},
                       {"cork", Delivery::kCork, std::nullopt},
                       {"batch", Delivery::kCork, Envelope::kJson}};

void Open(OutboxFixture& fixture, const Kind& kind) {
  fixture.worker.options.batching.delivery = kind.delivery;
  fixture.negotiated.envelope = kind.envelope;
  fixture.Open();
}

}  // namespace

TEST_CASE("A pushed message stands where it came, among the backend's") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    Open(fixture, kind);
    for (const char* round : {"1", "2"}) {
      fixture.Add(std::string("before") + round);
      CHECK(fixture.Push(std::string("pushed") + round));
      fixture.Add(std::string("behind") + round);
      fixture.Turn();
    }
    CHECK(fixture.ReadAll() ==
          Texts{"text before1", "text pushed1", "text behind1", "text before2", "text pushed2", "text behind2"});
    CHECK_EQ(fixture.outbox().sent().messages, 6);
    CHECK_EQ(fixture.worker.metrics.buffered_messages.value(), 0);
  }
}

TEST_CASE("Amid a message that is passed on, pushed ones wait for its end, in their order") {
  for (const Kind& kind : kKinds) {
    for (const bool first : {true, false}) {
      CAPTURE(kind.name);
      CAPTURE(first);
      OutboxFixture fixture;
      Open(fixture, kind);
      const std::string half = Numbered(2 * kHigh);
      if (!first) fixture.Add("before");
      fixture.Add(half, false, true);
      fixture.ReadAll();  // a client that is full takes nothing that is pushed
      CHECK(fixture.Push("first"));
      CHECK(fixture.Push("second", Urgency::kCritical));
      CHECK(fixture.outbox().parked() > 0);
      fixture.Turn();
      fixture.Add(half, true, false);
      CHECK_EQ(fixture.outbox().parked(), 0);
      fixture.Add("behind");
      Texts got = fixture.ReadAll();
      if (!first) {
        CHECK_EQ(got.front(), "text before");
        got.erase(got.begin());
      }
      CHECK(got == Texts{"text " + half + half, "text first", "text second", "text behind"});
    }
  }
}

TEST_CASE("A message that is gathered first, in parts, is overtaken by what is pushed meanwhile") {
  OutboxFixture fixture;
  Open(fixture, kKinds[2]);
  fixture.Add("half", false, true);
  CHECK(fixture.Push("pushed"));
  CHECK_EQ(fixture.outbox().parked(), 0);
  fixture.Add("whole", true, false);
  CHECK(fixture.ReadAll() == Texts{"text pushed", "text halfwhole"});
}

TEST_CASE("What the backend has sent, and nobody has read since reading is deferred, comes first") {
  OutboxFixture fixture;
  Open(fixture, kKinds[1]);
  for (int i = 0; i < 20; ++i) fixture.Add("m" + std::to_string(i));  // the rate earns a window
  fixture.on_read = [&] {
    fixture.on_read = nullptr;
    fixture.Add("lay in the kernel");
  };
  CHECK(fixture.Push("pushed"));
  Texts got = fixture.ReadAll();
  REQUIRE_EQ(got.size(), 22);
  CHECK_EQ(got[20], "text lay in the kernel");
  CHECK_EQ(got[21], "text pushed");
}

TEST_CASE("What the backend has sent, and nobody has read yet, comes first in each way of delivery") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    Open(fixture, kind);
    int reads = 0;
    fixture.on_read = [&] {
      if (++reads <= 2) fixture.Add("read " + std::to_string(reads));
    };
    CHECK(fixture.Push("pushed"));
    CHECK_EQ(reads, 3);
    CHECK(fixture.ReadAll() == Texts{"text read 1", "text read 2", "text pushed"});
  }
}

TEST_CASE("batch: it waits for company, and takes with it what comes meanwhile") {
  for (const Kind& kind : {kKinds[1], kKinds[2]}) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    fixture.worker.options.batching.timeout = fixture.worker.options.batching.cork_timeout =
        std::chrono::milliseconds(100);
    Open(fixture, kind);
    CHECK(fixture.Push("\"lone\"", Urgency::kBatch));
    fixture.Turn();
    CHECK(fixture.outbox().gathered() > 0);
    CHECK(fixture.Push("\"another\"", Urgency::kBatch));
    fixture.worker.driver.For(std::chrono::milliseconds(30));
    CHECK(fixture.outbox().gathered() > 0);
    fixture.worker.driver.For(std::chrono::milliseconds(120));
    CHECK_EQ(fixture.outbox().gathered(), 0);
    CHECK_EQ(fixture.worker.metrics.batch_flushes_total[FlushReason::kTimeout].value(), 1);
  }
}

TEST_CASE("critical: it leaves in this turn, behind what is gathered; individual: a lone one does, too") {
  for (const Kind& kind : {kKinds[1], kKinds[2]}) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    fixture.worker.options.batching.timeout = fixture.worker.options.batching.cork_timeout =
        std::chrono::milliseconds(500);
    Open(fixture, kind);
    CHECK(fixture.Push("lone"));
    fixture.Turn();
    CHECK_EQ(fixture.outbox().gathered(), 0);
    CHECK(fixture.Push("\"gathered\"", Urgency::kBatch));
    CHECK(fixture.Push("\"critical\"", Urgency::kCritical));
    fixture.Turn();
    CHECK_EQ(fixture.outbox().gathered(), 0);
    CHECK_EQ(fixture.worker.metrics.batch_flushes_total[FlushReason::kCritical].value(), 1);
    const Texts got = fixture.ReadAll();
    REQUIRE(got.size() >= 2);
    CHECK_EQ(got.front(), "text lone");
    CHECK(got.back().find("critical") != std::string::npos);
  }
}

TEST_CASE("Alone, one that a decoder would take for an envelope is wrapped") {
  OutboxFixture fixture;
  Open(fixture, kKinds[2]);
  const std::string look_alike = R"({"type":"batch","batch_size":1,"messages":[1]})";
  CHECK(fixture.Push(look_alike));
  fixture.Turn();
  const Texts got = fixture.ReadAll();
  REQUIRE_EQ(got.size(), 1);
  CHECK_EQ(got[0], R"(text {"type":"batch","batch_size":1,"messages":[)" + look_alike + "]}");
}

TEST_CASE("Nothing is taken for a session on its way out, nor for one that is over") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    Open(fixture, kind);
    fixture.is_closing = true;
    CHECK_FALSE(fixture.Push("late"));
    fixture.is_closing = false;
    fixture.Stop();
    CHECK_FALSE(fixture.Push("later"));
  }
}

TEST_CASE("A client that takes nothing: what is pushed stays bounded, whatever the rule") {
  for (const SlowClient rule : {SlowClient::kPause, SlowClient::kConflate, SlowClient::kDropOldest}) {
    for (const Kind& kind : kKinds) {
      CAPTURE(static_cast<int>(rule));
      CAPTURE(kind.name);
      OutboxFixture fixture;
      fixture.worker.options.batching.slow_client = rule;
      Open(fixture, kind);
      fixture.FillClient();
      size_t taken = 0;
      for (int i = 0; i < 200; ++i) {
        taken += fixture.Push(Numbered(kMessage)) ? 1 : 0;
        fixture.Turn();
        CHECK(fixture.outbox().waiting() + fixture.outbox().parked() <= kHigh + 2 * kMessage);
      }
      CHECK(taken > 0);
      // Without a rule for keys conflate is as pause; dropping the oldest makes room for each.
      if (rule == SlowClient::kDropOldest) {
        CHECK_EQ(taken, 200);
      } else {
        CHECK(taken < 200);
      }
      const size_t refused = 200 - taken;
      fixture.ReadAll();
      CHECK(fixture.Push("room again"));
      fixture.Turn();
      CHECK_EQ(fixture.ReadAll().back(), "text room again");
      CHECK(refused < 200);
    }
  }
}

TEST_CASE("close: a client that is full is closed by one push too many") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    fixture.worker.options.batching.slow_client = SlowClient::kClose;
    Open(fixture, kind);
    bool taken = true;
    for (int i = 0; i < 1000 && taken; ++i) {
      taken = fixture.Push(Numbered(kMessage));
      fixture.Turn();
    }
    CHECK_FALSE(taken);
    CHECK(fixture.stopped());
    CHECK_EQ(fixture.told.back(), "close client_too_slow");
  }
}

TEST_CASE("Amid a message that never ends, what waits for its end stays bounded, and the backend is read on") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    Open(fixture, kind);
    fixture.Add(Numbered(2 * kHigh), false, true);
    fixture.Turn();
    size_t taken = 0;
    for (int i = 0; i < 100; ++i) taken += fixture.Push(Numbered(kMessage)) ? 1 : 0;
    CHECK(taken < 100);
    CHECK(fixture.outbox().parked() <= kHigh);
    fixture.ReadAll();
    CHECK_EQ(fixture.told_times("pause"), fixture.told_times("resume"));
  }
}

TEST_CASE("One large message goes to a client for whom nothing waits") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    Open(fixture, kind);
    const std::string large = Numbered(4 * kHigh);
    CHECK(fixture.Push(large));
    fixture.Turn();
    CHECK(fixture.ReadAll() == Texts{"text " + large});
  }
}

TEST_CASE("A turn with more than is gathered for a client that reads is no reason to refuse") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    OutboxFixture fixture;
    Open(fixture, kind);
    size_t taken = 0;
    for (size_t i = 0; i < 10 * kHigh / kMessage; ++i) {
      taken += fixture.Push("\"" + Numbered(kMessage) + "\"") ? 1 : 0;
      fixture.sockets.peer->Read();
    }
    CHECK(taken > kHigh / kMessage);
  }
}

}  // namespace sheaf
