// What the peer of one plain socket says last: its end, or that it broke off.
#include <doctest/doctest.h>

#include <string>

#include "tests/unit/net/wire.h"

namespace sheaf::net {

TEST_CASE("all that was sent before an end is handed on before the end is told, once") {
  for (const size_t size : {size_t{1}, Loop::kReceiveBuffer, 3 * Loop::kReceiveBuffer + 1}) {
    CAPTURE(size);
    Wire wire;
    const std::string text = Numbered(size);
    wire.SendAndClose(text);
    wire.driver.Settle();
    CHECK((wire.recorder.received == text));
    CHECK(wire.recorder.told == Lines{"bytes", "eof"});
  }
}

TEST_CASE("the owner may go on writing to a peer that only ended its sending") {
  Wire wire;
  wire.peer().Send("request");
  wire.peer().FinishSending();
  wire.driver.Until([&] { return wire.Told("eof"); });
  wire.connection->Write("response");
  wire.driver.Until([&] {
    wire.peer().Read();
    return wire.peer().received == "response";
  });
}

TEST_CASE("a peer that ended its sending and then breaks off is told as reset, once, without a write") {
  Wire wire;
  wire.peer().Send("request");
  wire.peer().FinishSending();
  wire.driver.Until([&] { return wire.Told("eof"); });
  wire.connection->ProbePeer();
  wire.driver.For(kWatched);
  CHECK(wire.recorder.told == Lines{"bytes", "eof"});
  wire.peer().Reset();
  wire.driver.Until([&] { return wire.Told("reset"); });
  wire.connection->Write("into the void");
  wire.driver.For(kWatched);
  CHECK(wire.recorder.told == Lines{"bytes", "eof", "reset"});
}

TEST_CASE("a connection that breaks is told as reset, once") {
  Wire wire;
  wire.peer().Reset();
  wire.driver.Until([&] { return wire.Told("reset"); });
  wire.connection->Write("into the void");
  wire.driver.For(kWatched);
  wire.driver.Settle();
  CHECK(wire.recorder.told == Lines{"reset"});
}

TEST_CASE("what the peer said before it broke off is handed on before the reset, though a write finds it out first") {
  Wire wire;
  wire.peer().Send("early answer");
  wire.peer().Reset();
  wire.connection->Write("more of the request");
  wire.driver.loop().FlushWrites();
  wire.driver.Until([&] { return wire.Told("reset") || wire.Told("eof"); });
  CHECK_EQ(wire.recorder.received, "early answer");
  CHECK_FALSE(wire.Told("eof"));  // a broken connection must not look like the orderly end of a body without a length
  CHECK(wire.Told("reset"));
}

TEST_CASE("a write to a peer that is gone is told as reset") {
  Wire wire;
  wire.connection->PauseReading(PauseReason::kPeerFull);
  wire.peer().Reset();
  wire.driver.Settle();
  CHECK(wire.recorder.told.empty());
  wire.connection->Write("hello");
  wire.driver.Until([&] { return wire.Told("reset"); });
  CHECK(wire.recorder.told == Lines{"reset"});
}

}  // namespace sheaf::net
