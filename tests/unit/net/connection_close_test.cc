// What the owner of one plain socket says last: FinishWriting, and Close from anywhere.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/net/wire.h"

namespace sheaf::net {

TEST_CASE("FinishWriting sends all that is queued, then the end, and reading goes on") {
  Wire wire(true);
  const std::string text = wire.WriteUntilBlocked();
  wire.connection->Write("last");
  wire.connection->FinishWriting();
  wire.connection->FinishWriting();
  wire.connection->Write("never");
  CHECK_FALSE(wire.Told("finished"));
  wire.driver.Until([&] {
    wire.peer().Read(10'000);
    return wire.peer().ended;
  });
  CHECK((wire.peer().received == text + "last"));
  CHECK_EQ(wire.recorder.Count("finished"), 1);
  wire.peer().Send("still here");
  wire.driver.Until([&] { return wire.recorder.received == "still here"; });
}

TEST_CASE("FinishWriting with nothing queued ends at once") {
  Wire wire;
  wire.connection->FinishWriting();
  CHECK(wire.recorder.told == Lines{"finished"});
  wire.driver.Until([&] {
    wire.peer().Read();
    return wire.peer().ended;
  });
}

TEST_CASE("Close drops what is queued, may be called twice, and no event follows") {
  Wire wire(true);
  wire.WriteUntilBlocked();
  wire.peer().Send("unread");
  wire.connection->Close();
  wire.connection->Close();
  CHECK(wire.connection->closed());
  CHECK_EQ(wire.connection->queued(), 0);
  wire.connection->Write("never");
  wire.connection->FinishWriting();
  wire.connection->ResumeReading(PauseReason::kPeerFull);
  wire.driver.Settle();
  CHECK(wire.recorder.told == Lines{"blocked"});
  wire.driver.Until([&] {
    wire.peer().Read();
    return wire.peer().ended || wire.peer().broken;
  });
}

TEST_CASE("what was written and not yet sent is not sent after Close") {
  Wire wire;
  wire.connection->Write("never");
  wire.connection->Close();
  wire.driver.Settle();
  wire.peer().Read();
  CHECK(wire.peer().ended);
  CHECK(wire.peer().received.empty());
}

TEST_CASE("a connection may be closed from within each of its callbacks, and hears nothing more") {
  for (const std::string during : {"bytes", "eof", "reset", "blocked", "drained", "finished"}) {
    CAPTURE(during);
    Wire wire(true);
    size_t told = 0;
    wire.recorder.after = [&](std::string_view event) {
      if (event != during || told != 0) return;
      told = wire.recorder.told.size();
      wire.connection->Close();
      wire.driver.loop().graveyard().Retire(std::move(wire.connection));
    };
    if (during == "bytes") {
      wire.peer().Send(std::string(1000, 'x'));
      wire.peer().Close();
    } else if (during == "eof") {
      wire.peer().Close();
    } else if (during == "reset") {
      wire.peer().Reset();
    } else if (during == "finished") {
      wire.connection->Write("last");
      wire.connection->FinishWriting();
    } else {
      const std::string numbers = Numbered(1'000'000);
      wire.connection->Write(numbers);
    }
    wire.driver.Until([&] {
      if (during == "drained") wire.peer().Read();
      return told != 0;
    });
    wire.driver.Settle();
    CHECK_EQ(wire.recorder.told.size(), told);
  }
}

TEST_CASE("one connection may close another that has bytes in the same turn") {
  LoopDriver driver;
  Counter counter;
  const IoCounters io{&counter, &counter};
  TcpPair pairs[2];
  ConnectionRecorder recorders[2];
  std::unique_ptr<Connection> connections[2];
  for (size_t i = 0; i < 2; ++i) {
    connections[i] = Connection::Accept(driver.loop(), pairs[i].own, nullptr, io, recorders[i]);
    recorders[i].after = [&, i](std::string_view) {
      connections[1 - i]->Write("never");
      connections[1 - i]->Close();
    };
  }
  pairs[0].peer->Send("a");
  pairs[1].peer->Send("b");
  driver.Settle();
  CHECK_EQ(recorders[0].told.size() + recorders[1].told.size(), 1);
}

TEST_CASE("a connection may be closed from within the loop's second look at it") {
  LoopDriver driver;
  Counter counter;
  const IoCounters io{&counter, &counter};
  TcpPair pairs[2];
  ConnectionRecorder recorders[2];
  std::unique_ptr<Connection> connections[2];
  // Both have more than one buffer, so both are read again in the next turn; the first one then closes both.
  int reads = 0;
  for (size_t i = 0; i < 2; ++i) {
    connections[i] = Connection::Accept(driver.loop(), pairs[i].own, nullptr, io, recorders[i]);
    recorders[i].after = [&](std::string_view) {
      if (++reads < 3) return;
      connections[0]->Close();
      connections[1]->Close();
    };
  }
  const std::string text = Numbered(Loop::kReceiveBuffer * 3);
  for (const TcpPair& pair : pairs) {
    std::string_view rest = text;
    for (int i = 0; i < 100 && !rest.empty(); ++i) pair.peer->SendSome(rest);
  }
  driver.Settle();
  CHECK_EQ(reads, 3);
}

}  // namespace sheaf::net
