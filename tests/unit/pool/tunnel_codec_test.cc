// One open WebSocket on an upstream connection, without a socket.
#include "pool/tunnel_codec.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pool/tunnel_stream.h"
#include "tests/fakes/fake_codec_host.h"
#include "tests/fakes/frames.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;
using Verdict = Codec::Verdict;
using wire::Opcode;

constexpr wire::FrameLimits kLimits{.max_message = 1000};

struct Tunnel {
  Tunnel() { stream.SetEvents(host.recorder); }
  // Feeds one read, in memory of its own.
  Verdict Feed(std::string_view part) {
    std::vector<uint8_t> bytes(part.begin(), part.end());
    std::span<uint8_t> input = bytes;
    const Verdict verdict = codec.OnBytes(input);
    if (verdict == Verdict::kGoOn) CHECK(input.empty());
    return verdict;
  }
  Verdict FeedSplit(std::string_view bytes, size_t split) {
    if (split != 0) {
      const Verdict first = Feed(bytes.substr(0, split));
      if (first != Verdict::kGoOn) return first;
    }
    return Feed(bytes.substr(split));
  }

  // Sends a client's frames (or parts of them) as a session does, in the pieces that its decoder makes of them.
  void SendFromClient(std::string_view part) {
    std::vector<uint8_t> bytes(part.begin(), part.end());
    std::span<uint8_t> input = bytes;
    for (;;) {
      const wire::FramePiece piece = client.Next(input);
      if (piece.kind != wire::FramePiece::Kind::kData) return;
      stream.SendMessage(piece);
    }
  }

  FakeCodecHost host;
  TunnelCodec codec{host, kLimits};
  TunnelStream stream{codec};
  wire::FrameDecoder client{wire::FrameSource::kClient, kLimits};
};

}  // namespace

TEST_CASE("messages are handed on as the bytes they came as, however they are split") {
  const std::string frames = ServerFrame(Opcode::kText, "hello") + ServerFrame(Opcode::kBinary, std::string(200, 'b')) +
                             ServerFrame(Opcode::kText, "one ", false) + ServerFrame(Opcode::kContinuation, "two") +
                             ServerFrame(Opcode::kText, "");
  const Lines told = {"message hello", "binary " + std::string(200, 'b'), "message one two", "message "};
  for (size_t split = 0; split < frames.size(); ++split) {
    CAPTURE(split);
    Tunnel tunnel;
    CHECK(tunnel.FeedSplit(frames, split) == Verdict::kGoOn);
    CHECK(tunnel.host.recorder.told == told);
    CHECK_EQ(tunnel.host.recorder.wire, frames);
    CHECK(tunnel.host.written.empty());
  }
}

TEST_CASE("where runs are allowed, messages that lie one behind another are handed on as one piece, and counted") {
  struct Pieces final : SocketEvents {
    void OnUpstreamMessage(const wire::FramePiece& piece) override {
      pieces.push_back({piece.messages(), piece.bytes()});
    }
    void OnUpstreamEnd() override {}
    void OnUpstreamClose(uint16_t /*code*/, std::string_view /*reason*/) override {}
    void OnUpstreamBlocked() override {}
    void OnUpstreamDrained() override {}
    void OnUpstreamClosed(CloseReason /*reason*/) override {}
    std::vector<std::pair<size_t, size_t>> pieces;
  };
  const std::string frames = ServerFrame(Opcode::kText, "hello") + ServerFrame(Opcode::kBinary, std::string(200, 'b')) +
                             ServerFrame(Opcode::kText, "") + ServerFrame(Opcode::kPing, "") +
                             ServerFrame(Opcode::kText, "end");
  Tunnel tunnel;
  Pieces events;
  tunnel.stream.SetEvents(events);
  CHECK(tunnel.Feed(frames) == Verdict::kGoOn);
  CHECK_EQ(events.pieces.size(), 4);
  events.pieces.clear();
  tunnel.stream.AllowRuns();
  CHECK(tunnel.Feed(frames) == Verdict::kGoOn);
  CHECK(events.pieces == std::vector<std::pair<size_t, size_t>>{{3, 205}, {1, 3}});
  CHECK(tunnel.Feed(ServerFrame(Opcode::kText, "a") + "\xC1\x01") == Verdict::kBroken);
  CHECK_EQ(events.pieces.size(), 3);
}

TEST_CASE("a ping is answered by a masked pong with the same payload, and the session hears nothing of it") {
  const std::string frames = ServerFrame(Opcode::kPing, "are you there") + ServerFrame(Opcode::kPing, "");
  for (size_t split = 0; split < frames.size(); ++split) {
    CAPTURE(split);
    Tunnel tunnel;
    CHECK(tunnel.FeedSplit(frames, split) == Verdict::kGoOn);
    CHECK(ReadAsServer(tunnel.host.written) == Lines{"pong are you there", "pong "});
    CHECK(tunnel.host.recorder.told.empty());
  }
}

TEST_CASE("a pong from the backend is told to nobody") {
  Tunnel tunnel;
  CHECK(tunnel.Feed(ServerFrame(Opcode::kPong, "x")) == Verdict::kGoOn);
  CHECK(tunnel.host.written.empty());
  CHECK(tunnel.host.recorder.told.empty());
}

TEST_CASE("a ping between the fragments of a backend's message is answered") {
  Tunnel tunnel;
  CHECK(tunnel.Feed(ServerFrame(Opcode::kText, "a", false) + ServerFrame(Opcode::kPing, "p") +
                    ServerFrame(Opcode::kContinuation, "b")) == Verdict::kGoOn);
  CHECK(ReadAsServer(tunnel.host.written) == Lines{"pong p"});
  CHECK(tunnel.host.recorder.told == Lines{"message ab"});
}

TEST_CASE("a client's frames go upstream as they are") {
  const std::string frames = ClientFrame(Opcode::kText, "one ", false) + ClientFrame(Opcode::kContinuation, "two") +
                             ClientFrame(Opcode::kBinary, std::string(300, 'b'));
  for (size_t split = 1; split < frames.size(); ++split) {
    CAPTURE(split);
    Tunnel tunnel;
    tunnel.SendFromClient(std::string_view(frames).substr(0, split));
    tunnel.SendFromClient(std::string_view(frames).substr(split));
    CHECK_EQ(tunnel.host.written, frames);
  }
}

TEST_CASE("a pong waits for the end of a client's frame that is half sent, and only the latest ping is answered") {
  const std::string frame = ClientFrame(Opcode::kText, "0123456789");
  for (size_t split = 7; split < frame.size(); ++split) {
    CAPTURE(split);
    Tunnel tunnel;
    tunnel.SendFromClient(frame.substr(0, split));
    CHECK(tunnel.Feed(ServerFrame(Opcode::kPing, "first") + ServerFrame(Opcode::kPing, "second")) == Verdict::kGoOn);
    CHECK_EQ(tunnel.host.written, frame.substr(0, split));
    tunnel.SendFromClient(frame.substr(split));
    CHECK(ReadAsServer(tunnel.host.written).front().starts_with("text "));
    CHECK(ReadAsServer(tunnel.host.written.substr(frame.size())) == Lines{"pong second"});
    tunnel.SendFromClient(frame);
    CHECK(ReadAsServer(tunnel.host.written.substr(frame.size())).size() == 2);  // the pong is not sent again
  }
}

TEST_CASE("between the fragments of a client's message a pong may go at once") {
  Tunnel tunnel;
  tunnel.SendFromClient(ClientFrame(Opcode::kText, "a", false));
  CHECK(tunnel.Feed(ServerFrame(Opcode::kPing, "now")) == Verdict::kGoOn);
  tunnel.SendFromClient(ClientFrame(Opcode::kContinuation, "b"));
  CHECK(ReadAsServer(tunnel.host.written) == Lines{"text a", "pong now", "text b"});
}

TEST_CASE("of pings that come while the connection is full only the latest is answered, when there is room") {
  Tunnel tunnel;
  tunnel.host.full = true;
  for (int i = 0; i < 1000; ++i) CHECK(tunnel.Feed(ServerFrame(Opcode::kPing, "early")) == Verdict::kGoOn);
  CHECK(tunnel.Feed(ServerFrame(Opcode::kPing, "last")) == Verdict::kGoOn);
  CHECK(tunnel.host.written.empty());
  tunnel.host.full = false;
  tunnel.codec.OnUpstreamReady();
  tunnel.codec.OnUpstreamReady();
  CHECK(ReadAsServer(tunnel.host.written) == Lines{"pong last"});
}

TEST_CASE("a pong that waits for room goes behind the client's next frame, however full the connection is") {
  Tunnel tunnel;
  tunnel.host.full = true;
  CHECK(tunnel.Feed(ServerFrame(Opcode::kPing, "p")) == Verdict::kGoOn);
  const std::string frame = ClientFrame(Opcode::kText, "0123456789");
  tunnel.SendFromClient(frame.substr(0, 9));
  tunnel.codec.OnUpstreamReady();
  CHECK_EQ(tunnel.host.written, frame.substr(0, 9));  // no frame of ours goes between
  tunnel.SendFromClient(frame.substr(9));
  CHECK(ReadAsServer(tunnel.host.written) == Lines{"text 0123456789", "pong p"});
}

TEST_CASE("no pong that waited for room follows our Close") {
  Tunnel tunnel;
  tunnel.host.full = true;
  CHECK(tunnel.Feed(ServerFrame(Opcode::kPing, "p")) == Verdict::kGoOn);
  tunnel.stream.SendClose(1000, "");
  tunnel.codec.OnUpstreamReady();
  CHECK(ReadAsServer(tunnel.host.written) == Lines{"close 1000 "});
}

TEST_CASE("a Close of the backend is told once with code and reason, and the end behind it is orderly") {
  struct Row {
    std::string frame;
    std::string told;
  };
  const Row rows[] = {{ServerClose(1000, "bye"), "close 1000 bye"},
                      {ServerClose(1012, ""), "close 1012"},
                      {ServerClose(4321, "own"), "close 4321 own"},
                      {ServerClose(1005, ""), "close 1005"}};
  for (const Row& row : rows) {
    for (size_t split = 0; split < row.frame.size(); ++split) {
      CAPTURE(row.told);
      CAPTURE(split);
      Tunnel tunnel;
      CHECK(tunnel.FeedSplit(row.frame, split) == Verdict::kGoOn);
      CHECK(tunnel.host.recorder.told == Lines{row.told});
      CHECK(tunnel.codec.OnEnd() == Verdict::kFinished);
    }
  }
}

TEST_CASE("an end without a Close is told as gone") {
  Tunnel tunnel;
  CHECK(tunnel.Feed(ServerFrame(Opcode::kText, "hello")) == Verdict::kGoOn);
  CHECK(tunnel.codec.OnEnd() == Verdict::kGone);
}

TEST_CASE("what the backend sends behind its Close is told to nobody") {
  Tunnel tunnel;
  CHECK(tunnel.Feed(ServerClose(1000, "bye") + ServerFrame(Opcode::kText, "late") + ServerClose(1001, "again")) ==
        Verdict::kGoOn);
  CHECK(tunnel.host.recorder.told == Lines{"close 1000 bye"});
}

TEST_CASE("a ping behind the backend's Close is not answered") {
  Tunnel tunnel;
  CHECK(tunnel.Feed(ServerClose(1000, "") + ServerFrame(Opcode::kPing, "late")) == Verdict::kGoOn);
  CHECK(tunnel.host.written.empty());
}

TEST_CASE("our Close is sent once, masked, with code and reason, and nothing follows it") {
  Tunnel tunnel;
  tunnel.stream.SendClose(1001, "going");
  tunnel.stream.SendClose(1000, "again");
  tunnel.SendFromClient(ClientFrame(Opcode::kText, "late"));
  CHECK(tunnel.Feed(ServerFrame(Opcode::kPing, "late")) == Verdict::kGoOn);
  CHECK(ReadAsServer(tunnel.host.written) == Lines{"close 1001 going"});
}

TEST_CASE("a Close without a code has no payload") {
  Tunnel tunnel;
  tunnel.stream.SendClose(1005, "");
  CHECK(ReadAsServer(tunnel.host.written) == Lines{"close 1005 "});
}

TEST_CASE("messages that the backend sent before it saw our Close still come through") {
  Tunnel tunnel;
  tunnel.stream.SendClose(1000, "");
  CHECK(tunnel.Feed(ServerFrame(Opcode::kText, "last") + ServerClose(1000, "")) == Verdict::kGoOn);
  CHECK(tunnel.host.recorder.told == Lines{"message last", "close 1000"});
}

TEST_CASE("no Close goes into the middle of a client's frame") {
  const std::string frame = ClientFrame(Opcode::kText, "0123456789");
  Tunnel tunnel;
  tunnel.SendFromClient(frame.substr(0, 9));
  tunnel.stream.SendClose(1001, "going");
  CHECK_EQ(tunnel.host.written, frame.substr(0, 9));
}

TEST_CASE("a backend that breaks the frame protocol is told from one whose message is too big, however it is split") {
  struct Row {
    std::string what;
    std::string bytes;
    Verdict verdict;
  };
  const Row rows[] = {
      {"a masked frame", ClientFrame(Opcode::kText, "hello"), Verdict::kBroken},
      {"a reserved bit", "\xC1\x01x", Verdict::kBroken},
      {"an unknown opcode", "\x83\x01x", Verdict::kBroken},
      {"an orphan continuation", ServerFrame(Opcode::kContinuation, "x"), Verdict::kBroken},
      {"a fragmented ping", ServerFrame(Opcode::kPing, "x", false), Verdict::kBroken},
      {"bad UTF-8", ServerFrame(Opcode::kText, "\xFF"), Verdict::kBroken},
      {"a close code of our own", ServerFrame(Opcode::kClose, "\x03\xEE"), Verdict::kBroken},
      {"a message over the limit", ServerFrame(Opcode::kBinary, std::string(1001, 'x')), Verdict::kMessageTooBig},
      {"fragments over the limit",
       ServerFrame(Opcode::kBinary, std::string(600, 'x'), false) +
           ServerFrame(Opcode::kContinuation, std::string(401, 'x')),
       Verdict::kMessageTooBig},
  };
  for (const Row& row : rows) {
    for (size_t split = 0; split < std::min<size_t>(row.bytes.size(), 20); ++split) {
      CAPTURE(row.what);
      CAPTURE(split);
      Tunnel tunnel;
      CHECK(tunnel.FeedSplit(row.bytes, split) == row.verdict);
    }
  }
}

TEST_CASE("a message of exactly the limit passes") {
  Tunnel tunnel;
  CHECK(tunnel.Feed(ServerFrame(Opcode::kBinary, std::string(1000, 'x'))) == Verdict::kGoOn);
}

TEST_CASE("a stream closed from within a callback hears nothing more of the same read") {
  const auto close_during = [](Tunnel& tunnel, std::string_view word) {
    tunnel.host.CloseDuring(word, [&tunnel] { tunnel.stream.Close(CloseReason::kClientGone); });
  };
  Tunnel message;
  close_during(message, "message");
  CHECK(message.Feed(ServerFrame(Opcode::kText, "one") + ServerFrame(Opcode::kText, "two")) == Verdict::kClosed);
  CHECK(message.host.recorder.told == Lines{"message one"});

  Tunnel close;
  close_during(close, "close");
  CHECK(close.Feed(ServerClose(1000, "") + ServerFrame(Opcode::kPing, "p")) == Verdict::kClosed);
  CHECK(close.host.written.empty());
}

TEST_CASE("a tunnel that is given up ends in order, and what its session does then goes nowhere") {
  Tunnel tunnel;
  CHECK(tunnel.codec.lost() == CloseReason::kUpstreamGone);
  tunnel.stream.Close(CloseReason::kClientGone);
  CHECK_EQ(tunnel.host.ended, "drained");
  tunnel.host.ended.clear();
  tunnel.stream.Close(CloseReason::kClientGone);
  tunnel.SendFromClient(ClientFrame(Opcode::kText, "late"));
  CHECK_FALSE(tunnel.stream.SendClose(1000, ""));
  tunnel.stream.PauseReading(PauseReason::kPeerFull);
  tunnel.stream.ResumeReading(PauseReason::kPeerFull);
  tunnel.stream.DeferReading(1000);
  tunnel.stream.ReadNow();
  tunnel.codec.OnUpstreamBlocked();
  tunnel.codec.OnUpstreamDrained();
  CHECK(tunnel.host.written.empty());
  CHECK(tunnel.host.ended.empty());
  CHECK(tunnel.host.recorder.told.empty());
}

TEST_CASE("how a tunnel is over is told once, and its session may close it from within") {
  for (const bool in_order : {true, false}) {
    Tunnel tunnel;
    tunnel.host.CloseDuring(in_order ? "end" : "closed", [&] { tunnel.stream.Close(CloseReason::kClientGone); });
    if (in_order) {
      tunnel.codec.Finish();
    } else {
      tunnel.codec.Lose(CloseReason::kUpstreamGone);
    }
    CHECK(tunnel.host.recorder.told == Lines{in_order ? "end" : "closed upstream_gone"});
    CHECK(tunnel.host.ended.empty());
  }
}

}  // namespace sheaf::pool
