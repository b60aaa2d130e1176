// A TCP peer for whom little is to wait in the kernel.
#include "proxy/net/unsent_mark.h"

#include <doctest/doctest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <string>

#include "tests/unit/net/wire.h"

namespace sheaf::net {
namespace {

size_t Unsent(const Wire& wire) {
  int bytes = 0;
  REQUIRE(ioctl(wire.pair.own, SIOCOUTQNSD, &bytes) == 0);
  return static_cast<size_t>(bytes);
}

// Small writes until the connection is full, or so many; returns the bytes written.
size_t WriteUntilFull(Wire& wire, int most) {
  const std::string part(1000, 'x');
  size_t written = 0;
  for (int i = 0; i < most && !wire.connection->full(); ++i) {
    wire.connection->Write(part);
    wire.driver.loop().FlushWrites();
    written += part.size();
  }
  return written;
}

}  // namespace

TEST_CASE("the mark is what leaves in a moment, within bounds") {
  CHECK_EQ(UnsentMark::For(0), UnsentMark::kLeast);
  CHECK_EQ(UnsentMark::For(100'000), 5000);
  CHECK_EQ(UnsentMark::For(uint64_t{10} << 30), UnsentMark::kMost);
}

TEST_CASE("a fresh connection is full when a mark lies unsent, though the kernel would take more") {
  Wire wire;
  wire.connection->KeepFresh();
  const size_t written = WriteUntilFull(wire, 1000);
  CHECK(wire.connection->full());
  CHECK_EQ(wire.connection->queued(), 0);
  CHECK(Unsent(wire) < 2 * UnsentMark::kStart + 1000);

  wire.driver.Until([&] {
    wire.peer().Read();
    return !wire.connection->full();
  });
  wire.driver.Until([&] {
    wire.peer().Read();
    return wire.peer().received.size() == written;
  });
}

TEST_CASE("any other connection is full when the kernel is") {
  Wire wire;
  WriteUntilFull(wire, 150);
  CHECK_FALSE(wire.connection->full());
}

TEST_CASE("a peer that reads never makes a fresh connection full") {
  Wire wire;
  wire.connection->KeepFresh();
  for (int i = 0; i < 200; ++i) {
    WriteUntilFull(wire, 5);
    CHECK_FALSE(wire.connection->full());
    wire.driver.Until([&] {
      wire.peer().Read();
      return wire.peer().received.size() == wire.sent.value();
    });
  }
}

TEST_CASE("a fresh connection that is full ends in order: what was written arrives, then the end") {
  Wire wire;
  wire.connection->KeepFresh();
  const size_t written = WriteUntilFull(wire, 1000);
  REQUIRE(wire.connection->full());
  wire.connection->FinishWriting();
  CHECK(wire.Told("finished"));
  wire.driver.Until([&] {
    wire.peer().Read();
    return wire.peer().ended;
  });
  CHECK_EQ(wire.peer().received.size(), written);
  CHECK_EQ(wire.recorder.Count("finished"), 1);
}

}  // namespace sheaf::net
