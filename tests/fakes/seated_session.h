// A session with a real connection to a client, and a backend that is played by hand.
//
//   SeatedSession one(worker, info);
//   one.backend.Send(ServerFrame(wire::Opcode::kText, "hello"));
//   one.FromClient("hello");
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/plan/negotiation.h"
#include "proxy/session/session.h"
#include "tests/fakes/context_fixture.h"
#include "tests/fakes/frames.h"
#include "tests/fakes/sockets.h"
#include "tests/fakes/stream_recorder.h"

namespace sheaf {

struct SeatedSession {
  explicit SeatedSession(ContextFixture& of, const SessionInfo& info = {}, const Negotiated& negotiated = {})
      : worker(of) {
    auto connection = net::Connection::Accept(worker.driver.loop(), sockets.own, nullptr, worker.context().client_io(),
                                              before_session);
    made = std::make_unique<Session>(worker.context(), std::move(connection), backend.Open(), worker.plan(), negotiated,
                                     info);
    session = made.get();
    session->Start({});
  }
  SeatedSession(const SeatedSession&) = delete;
  SeatedSession& operator=(const SeatedSession&) = delete;
  ~SeatedSession() {
    if (made) made->Close(CloseReason::kDrain);
  }

  void FromClient(std::string_view text) { sockets.peer->Send(ClientFrame(wire::Opcode::kText, text)); }
  void FromBackend(std::string_view text) { backend.Send(ServerFrame(wire::Opcode::kText, text)); }
  // Messages of the backend until the client, which reads nothing, takes no more.
  void FillClient() {
    for (int i = 0; i < 2000 && !session->outbox().writer().full(); ++i) {
      FromBackend(std::string(4096, 'x'));
      worker.driver.Turn();
    }
    REQUIRE(session->outbox().writer().full());
  }

  ContextFixture& worker;
  TcpPair sockets{true};
  ConnectionRecorder before_session;
  StreamRecorder backend;
  std::unique_ptr<Session> made;  // nullptr: it has another owner
  Session* session;
};

}  // namespace sheaf
