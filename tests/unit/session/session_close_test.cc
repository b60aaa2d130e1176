// How a session ends: every order in which its ends may speak, and a Close from within every call.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/session/session.h"
#include "proxy/wire/ws_deflate_offers.h"
#include "tests/fakes/context_fixture.h"
#include "tests/fakes/every_order.h"
#include "tests/fakes/frames.h"
#include "tests/fakes/sockets.h"
#include "tests/fakes/stream_recorder.h"

namespace sheaf {
namespace {

constexpr uint16_t kClientsCode = 4001;
constexpr uint16_t kBackendsCode = 4002;
const CloseWords kOperators{.code = 4777, .text = "it is time"};

struct Fixture {
  explicit Fixture(Delivery delivery = Delivery::kCork, const Negotiated& negotiated = {}) {
    worker.options.batching.delivery = delivery;
    worker.options.log.access = false;
    worker.Make();
    auto connection = net::Connection::Accept(worker.driver.loop(), sockets.own, nullptr, worker.context().client_io(),
                                              before_session);
    session = std::make_unique<Session>(worker.context(), std::move(connection), backend.Open(), worker.plan(),
                                        negotiated, SessionInfo{});
    session->Start({});
  }

  // What one end does:
  //   c  the client sends a Close      x  the client is gone       m  a message of the client
  //   b  the backend sends a Close     e  its connection ends      M  a message of the backend, or its end
  //   l  its connection is lost        h  half a message of it     d  a drain        o  an operator closes
  void Play(char event) {
    switch (event) {
      case 'c':
        ToServer(ClientClose());
        break;
      case 'm':
        ToServer(ClientFrame(wire::Opcode::kText, "from the client"));
        break;
      case 'x':
        sockets.peer->Read();
        sockets.peer->Close();
        break;
      case 'd':
        session->BeginClose(CloseReason::kDrain);
        break;
      case 'o':
        session->BeginClose(CloseReason::kOperator, kOperators);
        break;
      case 'M':
        backend.Send(ServerFrame(half_ ? wire::Opcode::kContinuation : wire::Opcode::kText, "from the backend"));
        half_ = false;
        break;
      case 'h':
        backend.Send(ServerFrame(wire::Opcode::kText, "half a message", false));
        half_ = true;
        break;
      case 'b':
        backend.Send(ServerClose(kBackendsCode, "backend"));
        break;
      case 'e':
        if (backend.open()) backend.events().OnUpstreamEnd();
        break;
      default:
        if (backend.open()) backend.events().OnUpstreamClosed(CloseReason::kUpstreamGone);
    }
    worker.driver.Settle();
  }

  void Play(std::string_view events) {
    for (const char event : events) {
      if (!over()) Play(event);
    }
  }

  bool over() const { return worker.home.retired > 0; }

  // The frames that the client has got.
  std::vector<std::string> Got() {
    worker.driver.Settle();
    if (sockets.peer->fd() >= 0) sockets.peer->Read();
    return ReadAsClient(sockets.peer->received);
  }

  uint64_t Ends(CloseReason reason) { return worker.metrics.websocket_closes_total[reason].value(); }
  uint64_t Ends() const {
    uint64_t all = 0;
    for (size_t i = 0; i < kCloseReasonCount; ++i) all += worker.metrics.websocket_closes_total.at(i).value();
    return all;
  }

  TcpPair sockets;
  ContextFixture worker;
  ConnectionRecorder before_session;
  StreamRecorder backend;
  std::unique_ptr<Session> session;

 private:
  static std::string ClientClose() {
    std::string payload;
    payload.push_back(static_cast<char>(kClientsCode >> 8));
    payload.push_back(static_cast<char>(kClientsCode & 0xFF));
    return ClientFrame(wire::Opcode::kClose, payload + "client");
  }

  bool half_ = false;  // the backend is amid a message

  void ToServer(std::string_view bytes) {
    if (sockets.peer->fd() >= 0) sockets.peer->SendSome(bytes);
  }
};

std::string Joined(const std::vector<std::string>& frames) {
  std::string all;
  for (const std::string& one : frames) all += one + "\n";
  return all;
}

bool IsClose(std::string_view frame) {
  return frame.starts_with("close");
}

// Whatever happened before: it ends once, and tells each end at most once.
void CheckEnd(Fixture& fixture) {
  if (!fixture.over()) fixture.session->Close(CloseReason::kDrain);
  fixture.session->Close(CloseReason::kDrain);  // twice does no harm
  CHECK_EQ(fixture.worker.home.retired, 1);
  CHECK_EQ(fixture.worker.home.lingering.size() + fixture.worker.home.connections_over, 1);
  CHECK_EQ(fixture.worker.metrics.websocket_sessions.value(), 0);
  CHECK_FALSE(fixture.backend.open());
  const std::vector<std::string> got = fixture.Got();
  const auto closes = std::count_if(got.begin(), got.end(), IsClose);
  CHECK(closes <= 1);
  if (closes == 1) CHECK(IsClose(got.back()));
  CHECK_EQ(fixture.Ends(), 1);
}

}  // namespace

TEST_CASE("in whatever order the ends speak, a session ends once, and its client gets at most one Close, the last") {
  const std::vector<std::string> orders = EveryOrder("cxbeldoMhm", 4);
  CHECK_EQ(orders.size(), 10 + 10 * 9 + 10 * 9 * 8 + 10 * 9 * 8 * 7);
  for (const std::string& order : orders) {
    CAPTURE(order);
    Fixture fixture(order.size() % 2 == 0 ? Delivery::kOff : Delivery::kCork);
    fixture.Play(order);
    CheckEnd(fixture);
  }
}

TEST_CASE("who speaks first decides on the code, and the other one hears it") {
  struct Row {
    const char* events;
    std::vector<std::string> client_got;
    const char* backend_heard;  // the Close; nullptr: none
    CloseReason reason;
  };
  const Row rows[] = {
      {"cb", {"close 4002 backend"}, "close 4001 client", CloseReason::kClientClosed},
      {"ce", {"close 4001 "}, "close 4001 client", CloseReason::kClientClosed},
      {"bc", {"close 4002 backend"}, "close 4001 client", CloseReason::kUpstreamClosed},
      {"bec", {"close 4002 backend"}, nullptr, CloseReason::kUpstreamClosed},
      {"Mbc", {"text from the backend", "close 4002 backend"}, "close 4001 client", CloseReason::kUpstreamClosed},
      {"x", {}, nullptr, CloseReason::kClientGone},
      {"dc", {"close 1012 the proxy is restarting"}, "close 4001 client", CloseReason::kDrain},
      {"dbc", {"close 1012 the proxy is restarting"}, "close 4001 client", CloseReason::kDrain},
  };
  for (const Row& row : rows) {
    const std::string events = row.events;
    CAPTURE(events);
    Fixture fixture;
    fixture.Play(row.events);
    CHECK(fixture.over());
    CHECK_EQ(Joined(fixture.Got()), Joined(row.client_got));
    std::string heard;
    for (const std::string& one : fixture.backend.told) {
      if (IsClose(one) && one != "closed") heard = one;
    }
    CHECK_EQ(heard, row.backend_heard == nullptr ? "" : row.backend_heard);
    CHECK_EQ(fixture.Ends(row.reason), 1);
  }
}

// As when a write fails at once, or the pool is drained.
TEST_CASE("a Close from within any call of the stream is the end, once") {
  for (const std::string word : {"text", "close"}) {
    for (const std::string events : {"mc", "mb", "mMbc", "md", "ml"}) {
      CAPTURE(word);
      CAPTURE(events);
      Fixture fixture;
      fixture.backend.after = [&](std::string_view told) {
        if (told == word) fixture.session->Close(CloseReason::kDrain);
      };
      fixture.Play(events);
      CheckEnd(fixture);
    }
  }
}

// A message that inflates to many frames: the call that ends the session is not the last that the stream gets.
TEST_CASE("a Close from within a message that is still being inflated is the end, once") {
  Negotiated negotiated;
  negotiated.deflate = wire::DeflateAgreement{};
  Fixture fixture(Delivery::kOff, negotiated);
  wire::Deflater deflater(15, {.level = 1, .memory_level = 8});
  const std::string large(1024 * 1024, 'x');
  std::string compressed;
  REQUIRE(deflater.Compress(AsBytes(large), true, compressed));
  std::string frame;
  wire::AppendFrameHeader(frame, wire::Opcode::kText, true, compressed.size(), kClientKey, true);
  uint32_t key = 0;
  std::memcpy(&key, kClientKey, sizeof(key));
  wire::ApplyMask({reinterpret_cast<uint8_t*>(compressed.data()), compressed.size()}, key);
  fixture.backend.after = [&](std::string_view told) {
    if (told == "text") fixture.session->Close(CloseReason::kDrain);
  };
  fixture.sockets.peer->Send(frame + compressed);
  fixture.worker.driver.Settle();
  CHECK(fixture.over());
  CHECK_EQ(fixture.Ends(CloseReason::kDrain), 1);
  CheckEnd(fixture);
}

// Growth makes the worker look at the level of memory pressure, and a higher one may close who is too slow.
TEST_CASE("a Close from within the look at growth is the end, once") {
  Fixture fixture;
  fixture.worker.home.on_growth = [&] { fixture.session->Close(CloseReason::kMemoryShed); };
  const std::string large(1024 * 1024, 'x');
  for (int i = 0; i < 16 && !fixture.over(); ++i) {
    if (fixture.backend.open()) fixture.backend.Send(ServerFrame(wire::Opcode::kText, large));
    fixture.worker.driver.Turn();
  }
  CHECK(fixture.over());
  CHECK_EQ(fixture.Ends(CloseReason::kMemoryShed), 1);
}

TEST_CASE("a drain waits for the end of the message that is half here, and for no other") {
  Fixture fixture(Delivery::kOff);
  fixture.Play("hd");
  CHECK_EQ(Joined(fixture.Got()), "half half a message\n");
  fixture.Play("M");
  CHECK_EQ(Joined(fixture.Got()), "text half a messagefrom the backend\nclose 1012 the proxy is restarting\n");
  fixture.Play("M");
  CHECK_EQ(fixture.Got().size(), 2);
  CheckEnd(fixture);
}

TEST_CASE(
    "What is pushed amid a message leaves behind its end and before the session's Close; later, nothing is taken") {
  for (const Delivery delivery : {Delivery::kOff, Delivery::kCork}) {
    CAPTURE(static_cast<int>(delivery));
    Fixture fixture(delivery);
    const batching::MessageRef pushed =
        fixture.worker.context().outboxes().messages().Intern(wire::Opcode::kText, "pushed");
    fixture.Play("h");
    CHECK(fixture.session->Deliver(pushed, Urgency::kIndividual));
    fixture.Play("d");
    CHECK_FALSE(fixture.session->Deliver(pushed, Urgency::kCritical));
    fixture.Play("M");
    const std::vector<std::string> got = fixture.Got();
    REQUIRE_EQ(got.size(), 3);
    CHECK_EQ(got[0], "text half a messagefrom the backend");
    CHECK_EQ(got[1], "text pushed");
    CHECK(got[2].starts_with("close 1012"));
    CheckEnd(fixture);
    CHECK_FALSE(fixture.session->Deliver(pushed, Urgency::kIndividual));
  }
}

// o: an operator closes. As in "who speaks first decides", with a code and a reason that are in no table.
TEST_CASE(
    "an operator's code and reason are what the client gets and what is counted, whatever comes before and after") {
  struct Row {
    const char* events;
    std::vector<std::string> client_got;
    CloseReason reason;
  };
  const std::vector<std::string> told = {"close 4777 it is time"};
  const Row rows[] = {
      {"oc", told, CloseReason::kOperator},
      {"obc", told, CloseReason::kOperator},
      {"odc", told, CloseReason::kOperator},
      {"ooc", told, CloseReason::kOperator},
      {"olc", told, CloseReason::kOperator},
      {"omc", told, CloseReason::kOperator},
      {"oMc", told, CloseReason::kOperator},
      {"Moc", {"text from the backend", told[0]}, CloseReason::kOperator},
      {"hoMc", {"text half a messagefrom the backend", told[0]}, CloseReason::kOperator},
      {"hox", {"half half a message"}, CloseReason::kOperator},
      {"doc", {"close 1012 the proxy is restarting"}, CloseReason::kDrain},
      {"bo", {"close 4002 backend"}, CloseReason::kUpstreamClosed},
      {"co", {"close 4001 "}, CloseReason::kClientClosed},
  };
  for (const Row& row : rows) {
    const std::string events = row.events;
    CAPTURE(events);
    Fixture fixture(events.find('h') != std::string::npos ? Delivery::kOff : Delivery::kCork);
    fixture.Play(row.events);
    CheckEnd(fixture);
    CHECK_EQ(Joined(fixture.Got()), Joined(row.client_got));
    CHECK_EQ(fixture.Ends(row.reason), 1);
  }
}

TEST_CASE("an operator's reason may be empty, and a Close that is due when memory or patience ends has it, too") {
  Fixture empty;
  empty.session->BeginClose(CloseReason::kOperator, {.code = 3000, .text = ""});
  CHECK_EQ(Joined(empty.Got()), "close 3000 \n");
  Fixture waiting(Delivery::kOff);
  waiting.Play("h");
  waiting.session->BeginClose(CloseReason::kOperator, kOperators);
  waiting.Play("M");
  waiting.session->Close(CloseReason::kMemoryShed);
  CHECK_EQ(waiting.Got().back(), "close 4777 it is time");
  CHECK_EQ(waiting.Ends(CloseReason::kOperator), 1);
}

TEST_CASE("Who has said Close gets nothing that is pushed, whoever it was") {
  for (const char* events : {"c", "b", "cb", "x", "l", "d"}) {
    CAPTURE(events);
    Fixture fixture;
    const batching::MessageRef pushed =
        fixture.worker.context().outboxes().messages().Intern(wire::Opcode::kText, "pushed");
    fixture.Play(events);
    CHECK_FALSE(fixture.session->Deliver(pushed, Urgency::kCritical));
    for (const std::string& frame : fixture.Got()) CHECK(IsClose(frame));
    CheckEnd(fixture);
  }
}

}  // namespace sheaf
