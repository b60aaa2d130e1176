// Connections that we open: over TCP and over a Unix socket.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "proxy/net/connection.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/sockets.h"

namespace sheaf::net {
namespace {

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a dial tells its outcome later, never from within Connect") {
  LoopDriver driver;
  Counter counter;
  const IoCounters io{&counter, &counter};
  RawListener listener;
  ConnectionRecorder recorder;
  const auto connection = Connection::Connect(driver.loop(), listener.address(), nullptr, "", io, recorder);
  REQUIRE(connection != nullptr);
  CHECK(recorder.told.empty());
  driver.Until([&] { return recorder.Count("connected") == 1; });
  RawSocket peer(listener.Accept());
  REQUIRE(peer.fd() >= 0);
  connection->Write("hello");
  driver.Until([&] {
    peer.Read();
    return peer.received == "hello";
  });
  peer.Send("there");
  driver.Until([&] { return recorder.received == "there"; });
  CHECK(recorder.told == Lines{"connected", "bytes"});
}

TEST_CASE("a refused dial is told as failed, once, later, and may be closed from within") {
  LoopDriver driver;
  Counter counter;
  const IoCounters io{&counter, &counter};
  net::Address refused;
  {
    RawListener listener;
    refused = listener.address();
  }
  for (const net::Address& address : {refused, Address::Resolve("unix:/nonexistent/socket").value()}) {
    CAPTURE(address.ToString());
    ConnectionRecorder recorder;
    const auto connection = Connection::Connect(driver.loop(), address, nullptr, "", io, recorder);
    REQUIRE(connection != nullptr);
    CHECK(recorder.told.empty());
    recorder.after = [&](std::string_view) { connection->Close(); };
    driver.Until([&] { return !recorder.told.empty(); });
    driver.Settle();
    CHECK(recorder.told == Lines{"connect failed"});
  }
}

TEST_CASE("a dial that is closed before its outcome tells nothing") {
  LoopDriver driver;
  Counter counter;
  const IoCounters io{&counter, &counter};
  RawListener listener;
  for (const net::Address& address : {listener.address(), Address::Resolve("unix:/nonexistent/socket").value()}) {
    ConnectionRecorder recorder;
    const auto connection = Connection::Connect(driver.loop(), address, nullptr, "", io, recorder);
    connection->Close();
    driver.Settle();
    CHECK(recorder.told.empty());
  }
}

TEST_CASE("a connection over a Unix socket passes bytes whole and in order") {
  const std::string path = "/tmp/sheaf-net-test-" + std::to_string(getpid());
  unlink(path.c_str());
  const Address address = Address::Resolve("unix:" + path).value();
  const auto listener = Listener::Open(address, {.backlog = 16});
  REQUIRE(listener.ok());
  const int listening = listener.value()->Take();
  LoopDriver driver({}, {64 * 1024, 16 * 1024});
  Counter counter;
  const IoCounters io{&counter, &counter};
  ConnectionRecorder recorder;
  const auto connection = Connection::Connect(driver.loop(), address, nullptr, "", io, recorder);
  driver.Until([&] { return recorder.Count("connected") == 1; });
  RawSocket peer(accept4(listening, nullptr, nullptr, SOCK_NONBLOCK));
  REQUIRE(peer.fd() >= 0);
  const std::string text = Numbered(2'000'000);
  connection->Write(text);
  driver.Until([&] {
    peer.Read(10'000);
    return peer.received.size() == text.size();
  });
  CHECK((peer.received == text));
  CHECK_EQ(connection->queued(), 0);
  peer.Close();
  driver.Until([&] { return recorder.Count("eof") == 1; });
  close(listening);
}

}  // namespace sheaf::net
