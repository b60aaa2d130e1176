// Who gets what is new: evenly, by turns, by hash, and those that have come back no faster than twice the others.
#include "pool/balance.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace sheaf::pool {
namespace {

// Picks and counts as an Upstream does; sessions never end.
struct Picks {
  explicit Picks(size_t endpoints) : candidates(endpoints), got(endpoints) {
    for (size_t i = 0; i < endpoints; ++i) candidates[i].identity = HashText("127.0.0.1:" + std::to_string(8000 + i));
  }
  size_t One(Balance balance, uint64_t hash = 0) {
    const size_t at = Pick(balance, candidates, turn++, hash);
    ++candidates[at].sessions;
    ++candidates[at].picks;
    ++got[at];
    return at;
  }

  std::vector<Candidate> candidates;
  std::vector<uint32_t> got;
  size_t turn = 0;
};

}  // namespace

TEST_CASE("the one with the fewest sessions gets the next, and equals take turns") {
  Picks it(3);
  it.candidates[1].sessions = 5;
  for (int i = 0; i < 10; ++i) it.One(Balance::kLeastSessions);
  CHECK(it.got == std::vector<uint32_t>{5, 0, 5});
  for (int i = 0; i < 9; ++i) it.One(Balance::kLeastSessions);
  CHECK(it.got == std::vector<uint32_t>{8, 3, 8});
}

TEST_CASE("by turns each gets as many, whatever it has") {
  Picks it(3);
  it.candidates[1].sessions = 500;
  for (int i = 0; i < 9; ++i) it.One(Balance::kRoundRobin);
  CHECK(it.got == std::vector<uint32_t>{3, 3, 3});
}

TEST_CASE("by hash the same goes to the same, and who comes or goes moves only its own share") {
  constexpr int kKeys = 20'000;
  Picks five(5);
  std::vector<size_t> before;
  for (int i = 0; i < kKeys; ++i) before.push_back(five.One(Balance::kHash, HashText("user-" + std::to_string(i))));
  for (const uint32_t got : five.got) CHECK(got == doctest::Approx(kKeys / 5).epsilon(0.05));
  five.turn = 3;
  int moved = 0;
  std::vector<Candidate> four = five.candidates;
  four.pop_back();
  for (int i = 0; i < kKeys; ++i) {
    const uint64_t hash = HashText("user-" + std::to_string(i));
    CHECK(Pick(Balance::kHash, five.candidates, 0, hash) == before[static_cast<size_t>(i)]);
    if (Pick(Balance::kHash, four, 0, hash) != before[static_cast<size_t>(i)]) ++moved;
  }
  CHECK(moved == static_cast<int>(five.got[4]));
}

TEST_CASE("one that has come back empty gets at most twice what the others get") {
  for (const Balance balance : {Balance::kLeastSessions, Balance::kRoundRobin}) {
    Picks it(4);
    for (size_t i = 0; i < 3; ++i) it.candidates[i].sessions = 1000;
    it.candidates[3].is_new = true;
    for (int i = 1; i <= 500; ++i) {
      it.One(balance);
      const uint32_t others = it.got[0] + it.got[1] + it.got[2];
      CHECK(it.got[3] * 3 <= 2 * others + 3);
    }
    CHECK(it.got[3] == (balance == Balance::kLeastSessions ? 200 : 125));
  }
}

TEST_CASE("where all are new, nobody waits for anybody") {
  Picks it(2);
  for (Candidate& one : it.candidates) one.is_new = true;
  it.candidates[0].sessions = 3;
  for (int i = 0; i < 9; ++i) it.One(Balance::kLeastSessions);
  CHECK(it.got == std::vector<uint32_t>{3, 6});
}

}  // namespace sheaf::pool
