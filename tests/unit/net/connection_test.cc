// One plain socket and its owner: bytes both ways, marks, and a peer that takes nothing.
#include "proxy/net/connection.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/net/wire.h"

namespace sheaf::net {
namespace {

using std::chrono::milliseconds;

// Whether the kernel would wake an epoll of this process when `fd` has room.
bool WatchedForWriting(int fd) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(entry.path());
    for (std::string line; std::getline(lines, line);) {
      int watched = -1;
      unsigned events = 0;
      if (std::sscanf(line.c_str(), "tfd: %d events: %x", &watched, &events) != 2 || watched != fd) continue;
      return (events & EPOLLOUT) != 0;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("bytes come and go, and are counted") {
  Wire wire;
  wire.peer().Send("hello");
  wire.driver.Until([&] { return wire.recorder.received == "hello"; });
  wire.connection->Write("good ");
  wire.connection->Write("day");
  CHECK_EQ(wire.connection->queued(), 8);
  wire.driver.Until([&] {
    wire.peer().Read();
    return wire.peer().received == "good day";
  });
  CHECK_EQ(wire.connection->queued(), 0);
  CHECK_EQ(wire.received.value(), 5);
  CHECK_EQ(wire.sent.value(), 8);
  CHECK(wire.recorder.told == Lines{"bytes"});
}

TEST_CASE("an accepted Unix socket is watched for room to write only while something waits for it") {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
  LoopDriver driver{{}, kMarks};
  Counter counter;
  const IoCounters io{&counter, &counter};
  ConnectionRecorder recorder;
  const auto connection = Connection::Accept(driver.loop(), fds[0], nullptr, io, recorder, true);
  RawSocket peer(fds[1]);
  CHECK_FALSE(WatchedForWriting(fds[0]));
  const std::string text = Numbered(1'000'000);
  connection->Write(text);
  driver.Settle();
  CHECK(WatchedForWriting(fds[0]));
  driver.Until([&] {
    peer.Read();
    return peer.received.size() == text.size();
  });
  CHECK_FALSE(WatchedForWriting(fds[0]));
  CHECK((peer.received == text));
}

TEST_CASE("what is written during one read leaves in one system call") {
  int fds[2];
  // Each packet of such a socket is one system call of the sender.
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == 0);
  LoopDriver driver;
  Counter counter;
  const IoCounters io{&counter, &counter};
  ConnectionRecorder recorder;
  const auto connection = Connection::Accept(driver.loop(), fds[0], nullptr, io, recorder);
  RawSocket peer(fds[1]);
  recorder.on_bytes = [&](std::span<uint8_t> bytes) {
    connection->Write(bytes.first(2));
    connection->Write(bytes.subspan(2));
    connection->Write(" and");
    connection->Write(bytes);
  };
  peer.Send("ping");
  driver.Settle();
  char packet[100];
  const ssize_t size = recv(peer.fd(), packet, sizeof(packet), 0);
  REQUIRE(size > 0);
  CHECK_EQ(std::string(packet, static_cast<size_t>(size)), "ping andping");
  CHECK(recv(peer.fd(), packet, sizeof(packet), 0) < 0);
}

TEST_CASE("bytes that are handed on from one connection to another arrive whole and in order through small buffers") {
  LoopDriver driver({}, kMarks);
  Counter counter;
  const IoCounters io{&counter, &counter};
  TcpPair from(true), to(true);
  ConnectionRecorder source, sink;
  const auto one = Connection::Accept(driver.loop(), from.own, nullptr, io, source);
  const auto two = Connection::Accept(driver.loop(), to.own, nullptr, io, sink);
  source.on_bytes = [&](std::span<uint8_t> bytes) {
    two->Write(bytes.first(bytes.size() / 2));
    two->Write(bytes.subspan(bytes.size() / 2));
    if (two->blocked()) one->PauseReading(PauseReason::kPeerFull);
  };
  sink.after = [&](std::string_view event) {
    if (event == "blocked") one->PauseReading(PauseReason::kPeerFull);
    if (event == "drained") one->ResumeReading(PauseReason::kPeerFull);
  };
  const std::string text = Numbered(3'000'000);
  std::string_view rest = text;
  size_t most = 0;
  driver.Until([&] {
    if (!rest.empty()) from.peer->SendSome(rest);
    to.peer->Read(20'000);
    most = std::max(most, two->queued());
    return to.peer->received.size() == text.size();
  });
  CHECK((to.peer->received == text));  // without printing it
  CHECK(most <= kMarks.high + Loop::kReceiveBuffer);
}

TEST_CASE("over the high mark the owner is told once, and under the low mark once more") {
  Wire wire(true);
  const std::string text = wire.WriteUntilBlocked();
  CHECK(wire.connection->queued() > kMarks.stop());
  CHECK(wire.recorder.told == Lines{"blocked"});
  wire.connection->Write("more");
  wire.driver.Settle();
  CHECK(wire.recorder.told == Lines{"blocked"});
  wire.driver.Until([&] {
    if (wire.connection->queued() > kMarks.low) CHECK_FALSE(wire.Told("drained"));
    wire.peer().Read(3000);
    return wire.Told("drained");
  });
  CHECK(wire.connection->queued() <= kMarks.low);
  CHECK_FALSE(wire.connection->blocked());
  wire.driver.Until([&] {
    wire.peer().Read();
    return wire.peer().received.size() == text.size() + 4;
  });
  CHECK((wire.peer().received == text + "more"));
  CHECK(wire.recorder.told == Lines{"blocked", "drained"});
  CHECK_EQ(wire.connection->queued(), 0);
}

TEST_CASE("a connection is stalled for as long as its peer takes nothing of what is queued") {
  Wire wire(true);
  CHECK(wire.connection->StalledFor() == Duration::zero());
  const std::string text = wire.WriteUntilBlocked();
  wire.driver.For(milliseconds(30));
  CHECK(wire.connection->StalledFor() > Duration::zero());
  wire.driver.Until([&] {
    wire.peer().Read();
    return wire.peer().received.size() == text.size();
  });
  wire.driver.Settle();
  CHECK(wire.connection->StalledFor() == Duration::zero());
}

TEST_CASE("a peer that reads is not taken for stalled because the kernel was filled up again since the last look") {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
  LoopDriver driver({}, kMarks);
  Counter counter;
  const IoCounters io{&counter, &counter};
  ConnectionRecorder recorder;
  const auto connection = Connection::Accept(driver.loop(), fds[0], nullptr, io, recorder);
  RawSocket peer(fds[1]);
  connection->Write(Numbered(5'000'000));
  driver.Turn();
  const size_t queued = connection->queued();
  REQUIRE(queued > 0);
  driver.Until([&] {
    connection->StalledFor();  // a look at a kernel that is emptier than it will be
    peer.Read(4096);
    driver.Turn();
    return connection->queued() < queued;
  });
  driver.For(milliseconds(30));
  peer.Read(4096);
  driver.Turn();
  CHECK(connection->StalledFor() == Duration::zero());
}

}  // namespace sheaf::net
