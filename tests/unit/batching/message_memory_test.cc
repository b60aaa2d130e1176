#include <doctest/doctest.h>

#include <new>
#include <string>

#include "batching/message.h"
#include "tests/fakes/failing_new.h"

namespace sheaf::batching {

TEST_CASE("a broadcast that there was no memory for is not taken for the one before it") {
  const std::string payload(10'000, 'x');
  for (size_t nth = 1;; ++nth) {
    CAPTURE(nth);
    MessageStore store;
    store.InternBroadcast(1, wire::Opcode::kText, "before");
    FailingNew::Fail(nth);
    try {
      store.InternBroadcast(2, wire::Opcode::kText, payload);
    } catch (const std::bad_alloc&) {
    }
    const bool failed = FailingNew::Never();
    CHECK_EQ(store.InternBroadcast(2, wire::Opcode::kText, payload)->size(), payload.size());
    if (!failed) break;
  }
}

}  // namespace sheaf::batching
