// A session for which memory cannot be had, at each place in turn.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/session/session.h"
#include "tests/fakes/context_fixture.h"
#include "tests/fakes/failing_new.h"
#include "tests/fakes/frames.h"
#include "tests/fakes/sockets.h"

namespace sheaf {
namespace {

// A backend that keeps nothing: its own allocations would be counted.
struct SilentStream final : pool::SocketStream {
  void SetEvents(pool::SocketEvents& /*events*/) override {}
  const pool::Endpoint* endpoint() const override { return nullptr; }
  LinkUse link_use() const override { return {}; }
  void AllowRuns() override {}
  void SendMessage(const wire::FramePiece& /*piece*/) override {}
  bool SendClose(uint16_t /*code*/, std::string_view /*reason*/) override { return true; }
  void PauseReading(PauseReason /*reason*/) override {}
  void ResumeReading(PauseReason /*reason*/) override {}
  void DeferReading(size_t /*bytes*/) override {}
  void ReadNow() override {}
  void Close(CloseReason /*reason*/) override {}
};

struct Fixture {
  Fixture(Delivery delivery, std::optional<Envelope> envelope) {
    worker.options.batching.delivery = delivery;
    worker.options.log.access = false;
    worker.Make();
    auto connection = net::Connection::Accept(worker.driver.loop(), sockets.own, nullptr, worker.context().client_io(),
                                              before_session);
    Negotiated negotiated;
    negotiated.envelope = envelope;
    session = std::make_unique<Session>(worker.context(), std::move(connection), std::make_unique<SilentStream>(),
                                        worker.plan(), negotiated, SessionInfo{});
    session->Start({});
    batching::MessageStore& messages = worker.context().outboxes().messages();
    pushed = messages.Intern(wire::Opcode::kText, R"({"pushed":1})");
  }

  void Push(Urgency urgency) {
    if (worker.home.retired == 0 && !session->Deliver(pushed, urgency)) CHECK(worker.home.retired == 1);
  }
  void Tell(std::string& frames) {
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(frames.data()), frames.size());
    while (!input.empty() && worker.home.retired == 0) {
      const wire::FramePiece piece = decoder.Next(input);
      if (piece.kind == wire::FramePiece::Kind::kData) session->OnUpstreamMessage(piece);
    }
  }
  void Hear(std::string& frames) {
    if (worker.home.retired > 0) return;
    session->OnBytes({reinterpret_cast<uint8_t*>(frames.data()), frames.size()});
  }

  TcpPair sockets;
  ContextFixture worker;
  ConnectionRecorder before_session;
  const wire::FrameLimits limits{};
  wire::FrameDecoder decoder{wire::FrameSource::kServer, limits};
  std::unique_ptr<Session> session;
  batching::MessageRef pushed;
};

// Messages both ways, whole, in fragments and larger than is gathered, pushed ones before and amid them, and pings amid
// a frame.
struct Script {
  std::string from_backend =
      ServerFrame(wire::Opcode::kText, R"({"a":1})") + ServerFrame(wire::Opcode::kText, R"({"a":2})") +
      ServerFrame(wire::Opcode::kText, "[", false) + ServerFrame(wire::Opcode::kContinuation, "1]");
  std::string amid_frame = ServerFrame(wire::Opcode::kBinary, Numbered(200 * 1024)).substr(0, 100'000);
  std::string from_client = ClientFrame(wire::Opcode::kText, "hello") +
                            ClientFrame(wire::Opcode::kPing, std::string(100, 'p')) +
                            ClientFrame(wire::Opcode::kText, "hello again");

  void Play(Fixture& fixture) {
    fixture.Push(Urgency::kIndividual);
    fixture.Tell(from_backend);
    fixture.Push(Urgency::kCritical);
    fixture.worker.driver.loop().FlushWrites();
    fixture.Tell(amid_frame);
    fixture.Push(Urgency::kBatch);
    fixture.Hear(from_client);
  }
};

}  // namespace

TEST_CASE("memory that cannot be had, wherever, ends the session for that reason, and leaves nothing behind") {
  struct Row {
    const char* name;
    Delivery delivery;
    std::optional<Envelope> envelope;
    size_t least;  // places that are tried at least
  };
  const Row rows[] = {{"off", Delivery::kOff, std::nullopt, 1},
                      {"cork", Delivery::kCork, std::nullopt, 1},
                      {"json", Delivery::kCork, Envelope::kJson, 5},
                      {"binary", Delivery::kCork, Envelope::kBinary, 5}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    size_t place = 1;
    for (;; ++place) {
      CAPTURE(place);
      Fixture fixture(row.delivery, row.envelope);
      Script script;
      FailingNew::Fail(place);
      script.Play(fixture);
      const bool failed = FailingNew::Never();
      if (failed) {
        CHECK_EQ(fixture.worker.home.retired, 1);
        CHECK_EQ(fixture.worker.metrics.websocket_closes_total[CloseReason::kOutOfMemory].value(), 1);
      } else {
        CHECK_EQ(fixture.worker.home.retired, 0);
        fixture.session->Close(CloseReason::kDrain);
      }
      CHECK_EQ(fixture.worker.metrics.websocket_sessions.value(), 0);
      fixture.worker.driver.Settle();
      fixture.session.reset();
      CHECK_EQ(fixture.worker.metrics.buffered_messages.value(), 0);
      CHECK_EQ(fixture.worker.metrics.buffered_bytes.value(), 0);
      if (!failed) break;
    }
    CHECK(place > row.least);
  }
}

}  // namespace sheaf
