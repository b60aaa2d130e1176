// A table for which memory cannot be had: what it does not know, it asks the caller to send anywhere.
#include <doctest/doctest.h>

#include "pool/affinity.h"
#include "tests/fakes/failing_new.h"
#include "tests/unit/pool/affinity_endpoints.h"

namespace sheaf::pool {

TEST_CASE("without memory for its table or for an entry a sid is not learnt, and the next one is") {
  const auto endpoint = MakeEndpoint();
  Affinity affinity(4096);
  FailingNew::Fail(1);
  affinity.Learn("table", endpoint, kLifetime, kStart);
  REQUIRE(FailingNew::Never());
  FailingNew::FailNothrow(1);
  affinity.Learn("entry", endpoint, kLifetime, kStart);
  REQUIRE(FailingNew::Never());
  CHECK_FALSE(affinity.Find("table", kStart));
  CHECK_FALSE(affinity.Find("entry", kStart));
  CHECK_EQ(affinity.figures().unlearnt_total, 2);
  CHECK_EQ(endpoint->sessions(), 0);

  affinity.Learn("entry", endpoint, kLifetime, kStart);
  CHECK(affinity.Find("entry", kStart) == endpoint);
  CHECK_EQ(endpoint->sessions(), 1);
}

TEST_CASE("without memory for a Hold the WebSocket finds its endpoint, and the session still counts once") {
  const auto endpoint = MakeEndpoint();
  Affinity affinity(4096);
  affinity.Learn("sid", endpoint, kLifetime, kStart);
  FailingNew::FailNothrow(1);
  const Affinity::Found found = affinity.FindForSocket("sid", kStart);
  REQUIRE(FailingNew::Never());
  CHECK(found.endpoint == endpoint);
  CHECK_FALSE(found.hold);
  CHECK_EQ(endpoint->sessions(), 0);  // the WebSocket is to count itself
  CHECK_EQ(affinity.figures().held, 0);
  affinity.Sweep(kStart + kLifetime);
  CHECK_EQ(affinity.figures().entries, 0);
}

}  // namespace sheaf::pool
