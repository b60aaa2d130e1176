// One plain socket and its owner: bytes, marks, pauses, ends, and closing from anywhere.
#include "proxy/net/connection.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/loop.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/sockets.h"

namespace sheaf::net {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

constexpr BufferMarks kMarks{64 * 1024, 16 * 1024};
constexpr auto kWatched = std::chrono::duration_cast<milliseconds>(3 * kTick);  // from then on hang-ups are told

// A connection under test with its recorder, and the socket at its other end.
struct Wire {
  explicit Wire(bool small_buffers = false) : pair(small_buffers) {
    connection = Connection::Accept(driver.loop(), pair.own, nullptr, io, recorder);
    REQUIRE(connection != nullptr);
  }

  RawSocket& peer() { return *pair.peer; }
  bool Told(std::string_view event) const { return recorder.Count(event) != 0; }
  // Writes until the output is blocked; returns all that was written.
  std::string WriteUntilBlocked() {
    std::string all;
    const std::string numbers = Numbered(5'000'000);
    while (!connection->blocked()) {
      const std::string_view part = std::string_view(numbers).substr(all.size(), 10'000);
      connection->Write(part);
      all += part;
      driver.loop().FlushWrites();
      REQUIRE(all.size() < numbers.size());
    }
    return all;
  }

  LoopDriver driver{{}, kMarks};
  Counter received, sent;
  IoCounters io{&received, &sent};
  ConnectionRecorder recorder;
  TcpPair pair;
  std::unique_ptr<Connection> connection;
};

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

// What trickles in is taken by ReadDeferred alone; a pause holds; in the end all is as usual.
void CheckDeferring(LoopDriver& driver, Connection& connection, RawSocket& peer, const ConnectionRecorder& recorder) {
  connection.DeferReading(1000);
  for (const std::string text : {"one ", "two "}) {
    const std::string before = recorder.received;
    peer.Send(text);
    driver.Settle();
    CHECK_EQ(recorder.received, before);
    connection.ReadDeferred();
    CHECK_EQ(recorder.received, before + text);
  }
  connection.PauseReading(PauseReason::kPeerFull);
  peer.Send("three ");
  connection.ReadDeferred();
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
  std::string_view rest = text;
  wire.recorder.after = [&](std::string_view event) {
    if (event == "bytes") wire.connection->PauseReading(PauseReason::kPeerFull);
  };
  bool closed = false;
  wire.driver.Until([&] {
    if (!rest.empty()) {
      wire.peer().SendSome(rest);
    } else if (!closed) {
      wire.peer().Close();
      closed = true;
    }
    wire.connection->ResumeReading(PauseReason::kPeerFull);
    return wire.Told("eof");
  });
  CHECK((wire.recorder.received == text));
  CHECK(wire.recorder.largest_read() <= Loop::kReceiveBuffer);
}

TEST_CASE("all that was sent before an end is handed on before the end is told, once") {
  for (const size_t size : {size_t{1}, Loop::kReceiveBuffer, 3 * Loop::kReceiveBuffer + 1}) {
    CAPTURE(size);
    Wire wire;
    const std::string text = Numbered(size);
    std::string_view rest = text;
    bool closed = false;
    wire.driver.Until([&] {
      if (!rest.empty()) {
        wire.peer().SendSome(rest);
      } else if (!closed) {
        wire.peer().Close();
        closed = true;
      }
      return wire.Told("eof");
    });
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
