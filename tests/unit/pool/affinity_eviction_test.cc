// What a full table forgets, in which order, and that its bytes are those that it takes.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pool/affinity.h"
#include "tests/unit/pool/affinity_endpoints.h"

namespace sheaf::pool {
namespace {

// Room for exactly `entries` of Sid() and their table.
struct FullTable {
  explicit FullTable(int entries)
      : affinity(static_cast<size_t>(entries) * kEntryBytes + TableBytes(static_cast<size_t>(entries) * kEntryBytes)) {
    for (int i = 0; i < entries; ++i) Learn(i);
    REQUIRE_EQ(affinity.figures().entries, entries);
    REQUIRE_EQ(affinity.figures().evicted_total, 0);
  }

  // The buckets: a power of two of pointers, one for at least 128 bytes, and malloc's header.
  static size_t TableBytes(size_t entry_bytes) {
    size_t buckets = 1;
    while (buckets * 2 * 128 <= entry_bytes + buckets * 2 * 8 + 16) buckets *= 2;
    return (buckets * 8 + 8 + 15) / 16 * 16;
  }

  void Learn(int number, TimePoint now = kStart) { affinity.Learn(Sid(number), endpoint, kLifetime, now); }
  bool Knows(int number, TimePoint now = kStart) { return affinity.Find(Sid(number), now) != nullptr; }

  std::shared_ptr<Endpoint> endpoint = MakeEndpoint();
  Affinity affinity;
};

}  // namespace

TEST_CASE("a full table forgets the sid that was unused for longest") {
  FullTable table(10);
  CHECK(table.Knows(0));
  table.Learn(100);
  CHECK_EQ(table.affinity.figures().evicted_total, 1);
  CHECK_FALSE(table.Knows(1));
  table.Learn(101);
  CHECK_FALSE(table.Knows(2));
  for (const int kept : {0, 3, 4, 5, 6, 7, 8, 9, 100, 101}) CHECK(table.Knows(kept));
  CHECK_EQ(table.endpoint->sessions(), 10);
}

TEST_CASE("what is over goes first, and counts as expired") {
  FullTable table(10);
  for (int i = 1; i < 10; ++i) CHECK(table.Knows(i, kStart + seconds(1)));
  table.Learn(100, kStart + kLifetime);
  const Affinity::Figures figures = table.affinity.figures();
  CHECK_EQ(figures.expired_total, 1);
  CHECK_EQ(figures.evicted_total, 0);
  CHECK_EQ(figures.entries, 10);
}

TEST_CASE("a sid with a Hold goes before those that are polled, and its pin is all that stays") {
  FullTable table(10);
  const Affinity::Found newer = table.affinity.FindForSocket(Sid(9), kStart);
  REQUIRE(newer.hold);
  CHECK_EQ(table.affinity.figures().evicted_total, 1);  // 0 made room for the pin
  {
    const Affinity::Found other = table.affinity.FindForSocket(Sid(8), kStart);
    REQUIRE(other.hold);
    CHECK_EQ(table.affinity.figures().evicted_total, 1);  // an entry's room is enough for three pins
    table.Learn(100);
    CHECK_EQ(table.affinity.figures().evicted_total, 2);
    CHECK_FALSE(table.Knows(9));
    CHECK(table.Knows(1));
  }
  CHECK(table.Knows(8));
  CHECK_EQ(table.endpoint->sessions(), table.affinity.figures().entries);
}

TEST_CASE("with nothing but Holds the one unused for longest goes") {
  FullTable table(8);
  std::vector<Affinity::Found> sockets;
  for (int i = 0; i < 8; ++i) {
    if (Affinity::Found found = table.affinity.FindForSocket(Sid(i), kStart); found.hold)
      sockets.push_back(std::move(found));
  }
  const uint64_t held = table.affinity.figures().held;
  REQUIRE(held >= 2);
  REQUIRE_EQ(held, table.affinity.figures().entries);
  table.Learn(100);
  CHECK(table.affinity.figures().held < held);
  int oldest = 0;
  while (!table.Knows(oldest)) ++oldest;
  CHECK_EQ(table.affinity.figures().held, 8 - oldest);
  for (int i = oldest; i < 8; ++i) CHECK(table.Knows(i));  // only the front of them is gone
  CHECK(table.Knows(100));
}

TEST_CASE("a Hold whose entry was evicted ends without touching the sid that came after") {
  FullTable table(4);
  Affinity::Hold hold = table.affinity.FindForSocket(Sid(3), kStart).hold;
  REQUIRE(hold);
  table.Learn(100);
  table.Learn(101);
  REQUIRE_FALSE(table.Knows(3));
  table.Learn(3);
  hold = Affinity::Hold();
  CHECK(table.Knows(3));
  CHECK_EQ(table.affinity.figures().held, 0);
  CHECK_EQ(table.endpoint->sessions(), table.affinity.figures().entries);
}

TEST_CASE("what stays of evicted Holds is counted until they end") {
  FullTable table(10);
  const uint64_t full = table.affinity.figures().bytes;
  const uint64_t buckets = full - 10 * kEntryBytes;
  std::vector<Affinity::Hold> holds;
  for (int i = 0; i < 100; ++i) {
    table.Learn(i);
    if (Affinity::Found found = table.affinity.FindForSocket(Sid(i), kStart); found.hold)
      holds.push_back(std::move(found.hold));
    const Affinity::Figures figures = table.affinity.figures();
    CHECK(figures.bytes <= full);
    CHECK_EQ(figures.bytes, buckets + figures.entries * kEntryBytes + holds.size() * kPinBytes);
  }
  // The pins take all the room there is but for one entry.
  CHECK_EQ(holds.size(), (full - buckets - kEntryBytes) / kPinBytes);
  CHECK_EQ(table.affinity.figures().entries, 1);
  table.affinity.Learn(std::string(200, 'x'), table.endpoint, kLifetime, kStart);
  CHECK_EQ(table.affinity.figures().unlearnt_total, 1);
  CHECK_EQ(table.affinity.figures().entries, 0);
  holds.clear();
  table.Learn(1000);
  CHECK(table.Knows(1000));
  const Affinity::Figures figures = table.affinity.figures();
  CHECK_EQ(figures.bytes, buckets + figures.entries * kEntryBytes);
  CHECK_EQ(figures.learnt_total - figures.evicted_total - figures.expired_total, figures.entries);
}

TEST_CASE("a long sid takes the room of several") {
  FullTable table(10);
  table.affinity.Learn(std::string(256, 'x'), table.endpoint, kLifetime, kStart);
  CHECK_EQ(table.affinity.figures().evicted_total, 4);  // 336 bytes
  CHECK_EQ(table.affinity.figures().entries, 7);
}

TEST_CASE("the whole table stays within its bytes and holds what they promise") {
  Affinity affinity;
  const auto endpoint = MakeEndpoint();
  for (int i = 0; i < 300'000; ++i) affinity.Learn(Sid(i), endpoint, kLifetime, kStart);
  const Affinity::Figures figures = affinity.figures();
  CHECK(figures.bytes <= size_t{16} << 20);
  CHECK(figures.bytes > size_t{15} << 20);
  CHECK(figures.entries > 160'000);
  CHECK_EQ(figures.entries + figures.evicted_total, 300'000);
  CHECK_EQ(endpoint->sessions(), figures.entries);
  CHECK(affinity.Find(Sid(299'999), kStart) == endpoint);
}

TEST_CASE("an unused table takes nothing, and one without room learns nothing") {
  CHECK_EQ(Affinity().figures().bytes, 0);
  const auto endpoint = MakeEndpoint();
  Affinity none(0);
  none.Learn("sid", endpoint, kLifetime, kStart);
  CHECK_FALSE(none.Find("sid", kStart));
  CHECK_EQ(none.figures().unlearnt_total, 1);
  CHECK_EQ(endpoint->sessions(), 0);
}

}  // namespace sheaf::pool
