#include "proxy/base/pause.h"

#include <doctest/doctest.h>

#include <initializer_list>

namespace sheaf {

TEST_CASE("reading stops with the first reason and goes on when the last is gone") {
  PauseReasons reasons;
  CHECK_FALSE(reasons.any());
  CHECK(reasons.Add(PauseReason::kPeerFull));
  CHECK_FALSE(reasons.Add(PauseReason::kExchangeActive));
  CHECK(reasons.any());
  CHECK_FALSE(reasons.Remove(PauseReason::kPeerFull));
  CHECK(reasons.any());
  CHECK(reasons.Remove(PauseReason::kExchangeActive));
  CHECK_FALSE(reasons.any());
}

TEST_CASE("a reason that is given twice is one reason") {
  PauseReasons reasons;
  CHECK(reasons.Add(PauseReason::kDraining));
  CHECK_FALSE(reasons.Add(PauseReason::kDraining));
  CHECK(reasons.Remove(PauseReason::kDraining));
  CHECK_FALSE(reasons.any());
}

TEST_CASE("removing a reason that was not set resumes nothing") {
  PauseReasons reasons;
  CHECK_FALSE(reasons.Remove(PauseReason::kPeerFull));
  reasons.Add(PauseReason::kExchangeActive);
  CHECK_FALSE(reasons.Remove(PauseReason::kPeerFull));
  CHECK(reasons.has(PauseReason::kExchangeActive));
  CHECK_FALSE(reasons.has(PauseReason::kPeerFull));
}

TEST_CASE("no two reasons share a bit") {
  for (const PauseReason one : {PauseReason::kPeerFull, PauseReason::kExchangeActive, PauseReason::kDraining}) {
    PauseReasons reasons;
    for (const PauseReason other : {PauseReason::kPeerFull, PauseReason::kExchangeActive, PauseReason::kDraining}) {
      if (other != one) reasons.Add(other);
    }
    CHECK_FALSE(reasons.has(one));
  }
}

}  // namespace sheaf
