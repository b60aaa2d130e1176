// Reading from one plain socket: pauses with their reasons, and reading that is deferred.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "proxy/net/address.h"
#include "tests/unit/net/wire.h"

namespace sheaf::net {

TEST_CASE("nothing is read while a pause lasts, and all that came meanwhile when the last reason is gone") {
  Wire wire;
  wire.connection->PauseReading(PauseReason::kPeerFull);
  wire.connection->PauseReading(PauseReason::kExchangeActive);
  wire.peer().Send("one ");
  wire.driver.Settle();
  wire.peer().Send("two");
  wire.driver.Settle();
  CHECK(wire.recorder.told.empty());
  CHECK(wire.connection->paused(PauseReason::kPeerFull));
  wire.connection->ResumeReading(PauseReason::kPeerFull);
  wire.driver.Settle();
  CHECK(wire.recorder.told.empty());
  wire.connection->ResumeReading(PauseReason::kExchangeActive);
  CHECK(wire.recorder.told.empty());  // not from within the caller
  wire.driver.Until([&] { return wire.recorder.received == "one two"; });
}

TEST_CASE("a pause that ends before anything came changes nothing") {
  Wire wire;
  wire.connection->PauseReading(PauseReason::kPeerFull);
  wire.connection->ResumeReading(PauseReason::kPeerFull);
  wire.connection->ResumeReading(PauseReason::kPeerFull);
  wire.peer().Send("hello");
  wire.driver.Until([&] { return wire.recorder.received == "hello"; });
}

namespace {

// What trickles in is taken by ReadNow alone; a pause holds; in the end all is as usual.
void CheckDeferring(LoopDriver& driver, Connection& connection, RawSocket& peer, const ConnectionRecorder& recorder) {
  connection.DeferReading(1000);
  for (const std::string text : {"one ", "two "}) {
    const std::string before = recorder.received;
    peer.Send(text);
    driver.Settle();
    CHECK_EQ(recorder.received, before);
    connection.ReadNow();
    CHECK_EQ(recorder.received, before + text);
  }
  connection.PauseReading(PauseReason::kPeerFull);
  peer.Send("three ");
  connection.ReadNow();
  CHECK_EQ(recorder.received, "one two ");
  connection.ResumeReading(PauseReason::kPeerFull);
  driver.Until([&] { return recorder.received == "one two three "; });
  peer.Send("four ");
  driver.Settle();
  connection.DeferReading(1);
  driver.Until([&] { return recorder.received == "one two three four "; });
  peer.Send("five");
  driver.Until([&] { return recorder.received == "one two three four five"; });
}

}  // namespace

TEST_CASE("while reading is deferred what trickles in waits, and a batch of it or the end does not") {
  Wire wire;
  CheckDeferring(wire.driver, *wire.connection, wire.peer(), wire.recorder);
  wire.connection->DeferReading(1000);
  wire.peer().Send(std::string(1000, 'x'));
  wire.driver.Until([&] { return wire.recorder.received.size() > 1000; });
  wire.peer().Close();
  wire.driver.Until([&] { return wire.Told("eof"); });
}

TEST_CASE("while reading from a Unix socket is deferred all that comes waits, and the end does not") {
  const std::string path = "/tmp/sheaf-deferred-test-" + std::to_string(getpid()) + ".sock";
  const Result<Address> address = Address::Resolve("unix:" + path);
  REQUIRE(address.ok());
  const int listening = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(bind(listening, address.value().data(), address.value().length()) == 0);
  REQUIRE(listen(listening, 1) == 0);
  LoopDriver driver;
  Counter counter;
  const IoCounters io{&counter, &counter};
  ConnectionRecorder recorder;
  const auto connection = Connection::Connect(driver.loop(), address.value(), nullptr, "", io, recorder);
  REQUIRE(connection != nullptr);
  driver.Until([&] { return recorder.Count("connected") != 0; });
  {
    RawSocket peer(accept(listening, nullptr, nullptr));
    CheckDeferring(driver, *connection, peer, recorder);
    connection->DeferReading(1000);
    peer.Send("last words");
  }
  driver.Until([&] { return recorder.Count("eof") != 0; });
  CHECK(recorder.received.ends_with("last words"));
  close(listening);
  unlink(path.c_str());
}

TEST_CASE("an end that comes during a pause is told when the pause is over, behind the bytes before it") {
  Wire wire;
  wire.connection->PauseReading(PauseReason::kPeerFull);
  wire.peer().Send("last");
  wire.peer().Close();
  wire.driver.Settle();
  CHECK(wire.recorder.told.empty());
  wire.connection->ResumeReading(PauseReason::kPeerFull);
  wire.driver.Until([&] { return wire.Told("eof"); });
  CHECK(wire.recorder.told == Lines{"bytes", "eof"});
  CHECK_EQ(wire.recorder.received, "last");
}

TEST_CASE("a connection paused from within its own bytes reads on later, more than one buffer of it") {
  Wire wire;
  const std::string text = Numbered(1'000'000);
  wire.recorder.after = [&](std::string_view event) {
    if (event == "bytes") wire.connection->PauseReading(PauseReason::kPeerFull);
  };
  wire.SendAndClose(text, [&] { wire.connection->ResumeReading(PauseReason::kPeerFull); });
  CHECK((wire.recorder.received == text));
  CHECK(wire.recorder.largest_read() <= Loop::kReceiveBuffer);
}

}  // namespace sheaf::net
