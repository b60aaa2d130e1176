// Where a session lives, how long that is known, and that each session counts once at its endpoint.
#include "pool/affinity.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/pool/affinity_endpoints.h"

namespace sheaf::pool {
namespace {

struct Table {
  std::shared_ptr<Endpoint> endpoint = MakeEndpoint();
  Affinity affinity;

  void Learn(const std::string& sid, TimePoint now = kStart) { affinity.Learn(sid, endpoint, kLifetime, now); }
  bool Knows(const std::string& sid, TimePoint now) { return affinity.Find(sid, now) == endpoint; }
};

}  // namespace

TEST_CASE("a sid leads to the endpoint that gave it out, and others lead nowhere") {
  Table table;
  const auto other = MakeEndpoint("unix:/run/app2.sock");
  table.Learn("one");
  table.affinity.Learn("two", other, kLifetime, kStart);
  CHECK(table.affinity.Find("one", kStart) == table.endpoint);
  CHECK(table.affinity.Find("two", kStart) == other);
  for (const char* unknown : {"", "on", "one ", "One", "three"}) CHECK_FALSE(table.affinity.Find(unknown, kStart));
  CHECK_EQ(table.affinity.figures().unknown_total, 5);
  CHECK_EQ(table.affinity.figures().learnt_total, 2);
  CHECK_EQ(table.endpoint->sessions(), 1);
  CHECK_EQ(other->sessions(), 1);
}

TEST_CASE("an entry lives for its lifetime after the last use and not for longer") {
  Table table;
  table.Learn("used");
  table.Learn("unused");
  const TimePoint last = kStart + kLifetime - Duration(1);
  CHECK(table.Knows("used", last));
  table.affinity.Sweep(last);
  CHECK_EQ(table.affinity.figures().entries, 2);

  table.affinity.Sweep(kStart + kLifetime);
  CHECK_EQ(table.affinity.figures().entries, 1);
  CHECK_EQ(table.affinity.figures().expired_total, 1);
  CHECK_EQ(table.endpoint->sessions(), 1);
  CHECK(table.Knows("used", last + kLifetime - Duration(1)));
}

TEST_CASE("what is over is not found, also before a sweep") {
  Table table;
  table.Learn("sid");
  CHECK_FALSE(table.affinity.Find("sid", kStart + kLifetime));
  CHECK_EQ(table.endpoint->sessions(), 0);
  const Affinity::Figures figures = table.affinity.figures();
  CHECK_EQ(figures.entries, 0);
  CHECK_EQ(figures.expired_total, 1);
  CHECK_EQ(figures.unknown_total, 1);
}

TEST_CASE("a short lifetime behind a long one is swept in time") {
  Table table;
  table.affinity.Learn("long", table.endpoint, seconds(300), kStart);
  table.affinity.Learn("short", table.endpoint, seconds(10), kStart);
  table.affinity.Sweep(kStart + seconds(10));
  CHECK_EQ(table.affinity.figures().entries, 1);
  CHECK(table.Knows("long", kStart + seconds(299)));
}

TEST_CASE("lifetimes that no server means are brought within a millisecond and a day") {
  Table table;
  table.affinity.Learn("none", table.endpoint, Duration(0), kStart);
  table.affinity.Learn("endless", table.endpoint, Duration::max(), kStart);
  CHECK(table.Knows("none", kStart));
  CHECK_FALSE(table.Knows("none", kStart + milliseconds(1)));
  CHECK(table.Knows("endless", kStart + std::chrono::hours(24) - Duration(1)));
  CHECK_FALSE(table.Knows("endless", kStart + std::chrono::hours(49)));
}

TEST_CASE("a sid that is learnt again moves, and its session with it") {
  Table table;
  const auto other = MakeEndpoint("http://127.0.0.1:8002");
  table.Learn("sid");
  table.affinity.Learn("sid", other, kLifetime, kStart);
  CHECK(table.affinity.Find("sid", kStart) == other);
  CHECK_EQ(table.endpoint->sessions(), 0);
  CHECK_EQ(other->sessions(), 1);
  CHECK_EQ(table.affinity.figures().entries, 1);
  CHECK_EQ(table.affinity.figures().learnt_total, 1);
}

TEST_CASE("while a Hold lives the entry does, and the session is the WebSocket's to count") {
  Table table;
  table.Learn("sid");
  std::optional<Affinity::Found> found = table.affinity.FindForSocket("sid", kStart);
  REQUIRE(found->endpoint == table.endpoint);
  REQUIRE(found->hold);
  CHECK_EQ(table.endpoint->sessions(), 0);
  CHECK_EQ(table.affinity.figures().held, 1);

  const TimePoint later = kStart + 10 * kLifetime;
  table.affinity.Sweep(later);
  CHECK(table.Knows("sid", later));
  CHECK_EQ(table.endpoint->sessions(), 0);

  found.reset();
  CHECK_EQ(table.affinity.figures().held, 0);
  CHECK_EQ(table.affinity.figures().entries, 1);
}

TEST_CASE("after the last Hold an entry lives for one more lifetime and counts once it is polled") {
  Table table;
  table.Learn("polled");
  table.Learn("over");
  {
    const auto holds =
        std::pair(table.affinity.FindForSocket("polled", kStart), table.affinity.FindForSocket("over", kStart));
  }
  CHECK_EQ(table.endpoint->sessions(), 0);
  CHECK(table.Knows("polled", kStart + seconds(1)));
  CHECK_EQ(table.endpoint->sessions(), 1);

  table.affinity.Sweep(kStart + kLifetime);
  CHECK_EQ(table.affinity.figures().entries, 1);
  CHECK(table.Knows("polled", kStart + kLifetime));
  CHECK_EQ(table.endpoint->sessions(), 1);
}

TEST_CASE("a Hold ends at the time that the table was told last") {
  Table table;
  table.Learn("sid");
  std::optional<Affinity::Found> found = table.affinity.FindForSocket("sid", kStart);
  const TimePoint end = kStart + seconds(1000);
  table.affinity.Sweep(end);
  found.reset();
  table.affinity.Sweep(end + kLifetime - Duration(1));
  CHECK_EQ(table.affinity.figures().entries, 1);
  table.affinity.Sweep(end + kLifetime);
  CHECK_EQ(table.affinity.figures().entries, 0);
}

TEST_CASE("of two Holds on one entry the last one counts, and a moved Hold is one") {
  Table table;
  table.Learn("sid");
  Affinity::Hold kept;
  {
    Affinity::Found first = table.affinity.FindForSocket("sid", kStart);
    Affinity::Found second = table.affinity.FindForSocket("sid", kStart);
    kept = std::move(first.hold);
    CHECK_FALSE(first.hold);
  }
  CHECK_EQ(table.affinity.figures().held, 1);
  const Affinity::Hold moved(std::move(kept));
  table.affinity.Sweep(kStart + 2 * kLifetime);
  CHECK_EQ(table.affinity.figures().held, 1);
}

TEST_CASE("a sid with a Hold that is learnt again moves without counting") {
  Table table;
  const auto other = MakeEndpoint("http://127.0.0.1:8002");
  table.Learn("sid");
  const Affinity::Found found = table.affinity.FindForSocket("sid", kStart);
  table.affinity.Learn("sid", other, kLifetime, kStart);
  CHECK(table.affinity.Find("sid", kStart) == other);
  CHECK_EQ(table.endpoint->sessions() + other->sessions(), 0);
}

TEST_CASE("a WebSocket with an unknown sid gets no Hold") {
  Table table;
  const Affinity::Found found = table.affinity.FindForSocket("sid", kStart);
  CHECK_FALSE(found.endpoint);
  CHECK_FALSE(found.hold);
  CHECK_EQ(table.affinity.figures().unknown_total, 1);
}

TEST_CASE("sids of up to 256 bytes are kept, and no empty one") {
  Table table;
  table.Learn(std::string(256, 'x'));
  table.Learn(std::string(257, 'x'));
  table.Learn("");
  CHECK(table.Knows(std::string(256, 'x'), kStart));
  CHECK_FALSE(table.Knows(std::string(257, 'x'), kStart));
  CHECK_FALSE(table.Knows("", kStart));
  CHECK_EQ(table.affinity.figures().learnt_total, 1);
  CHECK_EQ(table.affinity.figures().unlearnt_total, 2);
  CHECK_EQ(table.endpoint->sessions(), 1);
}

TEST_CASE("sids may be any bytes") {
  Table table;
  const std::string zero("a\0b", 3);
  table.Learn(zero);
  CHECK(table.Knows(zero, kStart));
  CHECK_FALSE(table.Knows("a", kStart));
}

TEST_CASE("a time before the latest is no use for going back") {
  Table table;
  table.Learn("sid", kStart + seconds(10));
  CHECK(table.Knows("sid", kStart));
  CHECK(table.Knows("sid", kStart + seconds(10) + kLifetime - Duration(1)));
}

TEST_CASE("a table that goes takes its sessions off the endpoints, and keeps no endpoint alive") {
  const auto endpoint = MakeEndpoint();
  {
    Affinity affinity;
    for (int i = 0; i < 1000; ++i) affinity.Learn(Sid(i), endpoint, kLifetime, kStart);
    CHECK_EQ(endpoint->sessions(), 1000);
    CHECK_EQ(endpoint.use_count(), 1001);
  }
  CHECK_EQ(endpoint->sessions(), 0);
  CHECK_EQ(endpoint.use_count(), 1);
}

TEST_CASE("a sweep looks at a bounded number, and the next ones do the rest") {
  Table table;
  constexpr int kMany = 50'000;
  for (int i = 0; i < kMany; ++i) table.Learn(Sid(i));
  table.affinity.Sweep(kStart + kLifetime);
  const uint64_t first = table.affinity.figures().expired_total;
  CHECK(first > 0);
  CHECK(first <= 16 * 512);
  int calls = 1;
  for (; table.affinity.figures().entries > 0 && calls < 20; ++calls) table.affinity.Sweep(kStart + kLifetime);
  CHECK_EQ(table.affinity.figures().expired_total, kMany);
  CHECK_EQ(table.endpoint->sessions(), 0);
  CHECK(calls <= 8);
}

}  // namespace sheaf::pool
