// Messages that come in one read pass through a session in runs: nothing that is told or counted of them changes.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/session/session.h"
#include "tests/fakes/context_fixture.h"
#include "tests/fakes/frames.h"
#include "tests/fakes/sockets.h"
#include "tests/fakes/stream_recorder.h"

namespace sheaf {
namespace {

using Lines = std::vector<std::string>;
using wire::Opcode;

struct Fixture {
  explicit Fixture(Delivery delivery, bool socket_io = false) {
    worker.options.batching.delivery = delivery;
    worker.options.log.access = false;
    worker.options.limits.max_message = 1000;
    worker.Make();
    auto connection = net::Connection::Accept(worker.driver.loop(), sockets.own, nullptr, worker.context().client_io(),
                                              before_session);
    Negotiated negotiated;
    negotiated.socket_io = socket_io;
    session = std::make_unique<Session>(worker.context(), std::move(connection), backend.Open(), worker.plan(),
                                        negotiated, SessionInfo{});
    session->Start({});
  }

  // In one read.
  void FromClient(std::string bytes) {
    session->OnBytes({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
    worker.driver.Settle();
  }
  Lines Got() {
    session->FlushForMemory();
    worker.driver.Settle();
    sockets.peer->Read();
    return ReadAsClient(sockets.peer->received);
  }

  TcpPair sockets;
  ContextFixture worker;
  ConnectionRecorder before_session;
  StreamRecorder backend;
  std::unique_ptr<Session> session;
};

std::string Texts(std::string_view letters) {
  std::string frames;
  for (const char letter : letters) frames += ClientFrame(Opcode::kText, std::string(1, letter));
  return frames;
}

}  // namespace

TEST_CASE("what a client sends in one read is counted message by message") {
  Fixture fixture(Delivery::kOff);
  fixture.FromClient(Texts("abc") + ClientFrame(Opcode::kPing, "") + ClientFrame(Opcode::kText, "d", false) +
                     ClientFrame(Opcode::kContinuation, "e") + Texts("fg"));
  CHECK(fixture.backend.told == Lines{"text a", "text b", "text c", "text d", "text e", "text f", "text g"});
  CHECK_EQ(fixture.worker.metrics.messages_to_upstream_total.value(), 6);
  CHECK_EQ(fixture.worker.metrics.message_bytes_to_upstream_total.value(), 7);
}

TEST_CASE("of a run with an error in it the messages before the error have gone, and the code is the error's") {
  struct Row {
    std::string frame;
    const char* close;
  };
  const Row rows[] = {{ClientFrame(Opcode::kText, "\xFF"), "close 1007"},
                      {ClientFrame(Opcode::kText, "\xE2\x82"), "close 1007"},
                      {ClientFrame(Opcode::kText, std::string(1001, 'x')), "close 1009"},
                      {ServerFrame(Opcode::kText, "unmasked"), "close 1002"},
                      {ClientFrame(Opcode::kContinuation, "orphan"), "close 1002"}};
  for (const Row& row : rows) {
    CAPTURE(row.close);
    Fixture fixture(Delivery::kOff);
    fixture.FromClient(Texts("abc") + row.frame + Texts("d"));
    Lines told = fixture.backend.told;
    REQUIRE_EQ(told.size(), 4);
    CHECK(told.back().starts_with(row.close));
    told.pop_back();
    CHECK(told == Lines{"text a", "text b", "text c"});
    CHECK_EQ(fixture.worker.metrics.messages_to_upstream_total.value(), 3);
  }
}

TEST_CASE("what the backend sends in one read is counted message by message, with delivery off and cork") {
  for (const Delivery delivery : {Delivery::kOff, Delivery::kCork}) {
    Fixture fixture(delivery);
    CHECK(fixture.backend.runs());
    fixture.backend.Send(ServerFrame(Opcode::kText, "a") + ServerFrame(Opcode::kText, "b") +
                         ServerFrame(Opcode::kText, "c", false) + ServerFrame(Opcode::kContinuation, "d") +
                         ServerFrame(Opcode::kText, "e") + ServerFrame(Opcode::kText, "f") + ServerClose(1000, "bye"));
    CHECK(fixture.Got() == Lines{"text a", "text b", "text cd", "text e", "text f", "close 1000 bye"});
    CHECK_EQ(fixture.worker.metrics.messages_to_clients_total.value(), 5);
    CHECK_EQ(fixture.worker.metrics.message_bytes_to_clients_total.value(), 6);
  }
}

TEST_CASE("a Socket.IO session, whose heartbeats are no activity, takes no runs") {
  CHECK_FALSE(Fixture(Delivery::kOff, true).backend.runs());
  CHECK_FALSE(Fixture(Delivery::kCork, true).backend.runs());
}

}  // namespace sheaf
