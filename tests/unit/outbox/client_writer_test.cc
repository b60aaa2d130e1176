// Control frames of our own find their places between the frames of messages.
#include "proxy/outbox/client_writer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/fakes/frames.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/sockets.h"

namespace sheaf {
namespace {

struct Fixture {
  explicit Fixture(bool small_buffers = false) : sockets(small_buffers) {
    connection = net::Connection::Accept(driver.loop(), sockets.own, nullptr, io, events);
    writer = std::make_unique<ClientWriter>(*connection);
    events.after = [](std::string_view) {};
  }

  void Write(std::string_view bytes, bool ends_frame) { writer->Write(AsBytes(bytes), ends_frame); }
  // Bytes that the client has got: "ping", "pong one", "text hello"...
  std::vector<std::string> Got() {
    driver.Settle();
    sockets.peer->Read();
    std::vector<std::string> seen;
    static const wire::FrameLimits limits;
    wire::FrameDecoder decoder(wire::FrameSource::kServer, limits);
    std::vector<uint8_t> copy(sockets.peer->received.begin(), sockets.peer->received.end());
    std::span<uint8_t> input = copy;
    for (;;) {
      const wire::FramePiece piece = decoder.Next(input);
      const std::string payload(piece.payload.begin(), piece.payload.end());
      if (piece.kind == wire::FramePiece::Kind::kNeedMore) return seen;
      if (piece.kind == wire::FramePiece::Kind::kData) seen.push_back("text " + payload);
      if (piece.kind == wire::FramePiece::Kind::kPing) seen.push_back("ping " + payload);
      if (piece.kind == wire::FramePiece::Kind::kPong) seen.push_back("pong " + payload);
      if (piece.kind == wire::FramePiece::Kind::kClose) seen.push_back("close " + std::to_string(piece.close_code));
      REQUIRE(piece.kind != wire::FramePiece::Kind::kError);
    }
  }

  TcpPair sockets;
  Counter received, sent;
  const net::IoCounters io{&received, &sent};
  LoopDriver driver;
  ConnectionRecorder events;
  std::unique_ptr<net::Connection> connection;
  std::unique_ptr<ClientWriter> writer;
};

}  // namespace

TEST_CASE("control frames leave at once where there is a place") {
  Fixture fixture;
  fixture.writer->SendPong("one");
  fixture.writer->SendPing();
  CHECK_FALSE(fixture.writer->ping_waits());
  CHECK_EQ(fixture.Got(), std::vector<std::string>{"pong one", "ping sheaf"});
}

TEST_CASE("amid a frame they wait for its end, and of pongs the latest is left") {
  Fixture fixture;
  const std::string frame = ServerFrame(wire::Opcode::kText, "hello");
  fixture.Write(frame.substr(0, 4), false);
  CHECK(fixture.writer->mid_frame());
  fixture.writer->SendPong("one");
  fixture.writer->SendPing();
  fixture.writer->SendPong("two");
  CHECK(fixture.writer->ping_waits());
  fixture.writer->WriteWaiting();
  fixture.driver.Settle();
  fixture.sockets.peer->Read();
  CHECK_EQ(fixture.sockets.peer->received, frame.substr(0, 4));
  fixture.Write(frame.substr(4), true);
  CHECK_FALSE(fixture.writer->ping_waits());
  CHECK_EQ(fixture.Got(), std::vector<std::string>{"text hello", "pong two", "ping sheaf"});
}

TEST_CASE("while the client is full they wait for room, or for the end of a frame, whichever comes first") {
  Fixture fixture(true);
  const std::string frame = ServerFrame(wire::Opcode::kText, Numbered(64 * 1024));
  while (!fixture.writer->full()) {
    fixture.Write(frame, true);
    fixture.driver.Turn();
  }
  fixture.writer->SendPing();
  CHECK(fixture.writer->ping_waits());
  const TimePoint before = fixture.writer->ping_written_at();
  fixture.Write(ServerFrame(wire::Opcode::kText, "next"), true);
  CHECK(fixture.writer->ping_written_at() > before);
  CHECK(fixture.writer->ping_waits());  // in the queue
  for (int i = 0; i < 1000 && fixture.writer->full(); ++i) {
    fixture.sockets.peer->Read();
    fixture.driver.For(std::chrono::milliseconds(1));
  }
  CHECK_FALSE(fixture.writer->ping_waits());
  const std::vector<std::string> got = fixture.Got();
  CHECK_EQ(got[got.size() - 2], "text next");
  CHECK_EQ(got.back(), "ping sheaf");
}

TEST_CASE("behind a Close, and after the end, nothing is sent") {
  Fixture fixture;
  fixture.writer->SendClose(1000, "bye");
  fixture.writer->SendPong("late");
  fixture.writer->SendPing();
  fixture.writer->WriteWaiting();
  CHECK_EQ(fixture.Got(), std::vector<std::string>{"close 1000"});

  Fixture ended;
  ended.Write(ServerFrame(wire::Opcode::kText, "hello").substr(0, 4), false);
  ended.writer->SendPing();
  ended.writer->Close();
  ended.Write(ServerFrame(wire::Opcode::kText, "more"), true);
  ended.writer->WriteWaiting();
  ended.writer->SendClose(1000, "bye");
  CHECK(ended.writer->full());
  CHECK_EQ(ended.writer->queued(), 0);
  ended.driver.Settle();
  ended.sockets.peer->Read();
  CHECK_EQ(ended.sockets.peer->received.size(), 4);
}

}  // namespace sheaf
