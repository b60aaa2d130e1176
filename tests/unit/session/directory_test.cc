// A worker's sessions by id and by user.
#include "proxy/session/directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/base/random.h"
#include "proxy/plan/negotiation.h"
#include "tests/fakes/context_fixture.h"
#include "tests/fakes/sockets.h"
#include "tests/fakes/stream_recorder.h"

namespace sheaf {
namespace {

struct Fixture {
  Fixture() {
    worker.options.log.access = false;
    worker.Make();
  }
  ~Fixture() {
    while (!sessions.empty()) Leave(sessions.size() - 1);
    worker.driver.Settle();
  }

  // A session of `user`; empty: of nobody that is named.
  Session& Join(const std::string& user = "") {
    TcpPair sockets;
    auto connection = net::Connection::Accept(worker.driver.loop(), sockets.own, nullptr, worker.context().client_io(),
                                              before_session);
    SessionInfo info;
    info.target = "/ws";
    info.user = user;
    info.trace_id = std::string(user.size() % 9, 't');  // the entry stands at every offset
    sessions.push_back(std::make_unique<Session>(worker.context(), std::move(connection), backend.Open(), worker.plan(),
                                                 Negotiated{}, info));
    directory.Add(*sessions.back());
    return *sessions.back();
  }
  void Leave(size_t i) {
    directory.Remove(*sessions[i]);
    sessions[i]->Close(CloseReason::kDrain);
    sessions.erase(sessions.begin() + static_cast<ptrdiff_t>(i));
  }
  std::vector<Session*> Of(const std::string& user) {
    std::vector<Session*> found;
    directory.ForEachOfUser(user, [&found](Session& session) { found.push_back(&session); });
    return found;
  }

  ContextFixture worker;
  ConnectionRecorder before_session;
  StreamRecorder backend;
  Directory directory{3};
  std::vector<std::unique_ptr<Session>> sessions;
};

}  // namespace

TEST_CASE("An id is short, is read as it is written, and nothing else is one") {
  const SessionId id(2, 0x1f3a);
  CHECK_EQ(id.ToString(), "2-1f3a");
  CHECK(SessionId::Parse("2-1f3a") == id);
  CHECK(SessionId::Parse(SessionId(UINT16_MAX, 0xFFFF'FFFF'FFFF).ToString()) ==
        SessionId(UINT16_MAX, 0xFFFF'FFFF'FFFF));
  for (const char* wrong : {"", "-", "2-", "-1f", "2", "2-1g", "2 -1", "2-1-1", "65536-1", "2-1000000000000", "+2-1",
                            "2--1", "2-0x1", "99999999999999999999-1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(SessionId::Parse(wrong).has_value());
  }
}

TEST_CASE_FIXTURE(Fixture, "A session is found by the id that it got, as long as it is there") {
  Session& first = Join();
  Session& second = Join("alice");
  CHECK_EQ(first.id().ToString(), "3-1");
  CHECK_EQ(second.id().ToString(), "3-2");
  CHECK(directory.Find(SessionId(3, 1)) == &first);
  CHECK(directory.Find(SessionId(3, 2)) == &second);
  CHECK(directory.Find(SessionId(2, 1)) == nullptr);
  CHECK(directory.Find(SessionId(3, 3)) == nullptr);
  Leave(0);
  CHECK(directory.Find(SessionId(3, 1)) == nullptr);
  CHECK_EQ(Join().id().ToString(), "3-3");  // an id is never used twice
}

TEST_CASE_FIXTURE(Fixture, "A user has several sessions, and a session without one is nobody's") {
  Join();
  Session& one = Join("alice");
  Join("bob");
  Session& two = Join("alice");
  CHECK(Of("alice") == std::vector<Session*>{&one, &two});
  CHECK(Of("carol").empty());
  CHECK(Of("").empty());
  CHECK_EQ(directory.users(), 2);
  Leave(1);
  CHECK(Of("alice") == std::vector<Session*>{&two});
  Leave(2);
  CHECK(Of("alice").empty());
  CHECK_EQ(directory.users(), 1);
}

TEST_CASE_FIXTURE(Fixture, "Thousands come and go, and each is found until it goes") {
  std::set<std::string> gone;
  for (int i = 0; i < 300; ++i) {
    Join(i % 3 == 0 ? "" : "user" + std::to_string(i % 40));
    if (i % 4 != 3) continue;
    const auto which = static_cast<size_t>(RandomFraction() * static_cast<double>(sessions.size()));
    gone.insert(sessions[which]->id().ToString());
    Leave(which);
  }
  CHECK_EQ(directory.size(), sessions.size());
  for (const auto& session : sessions) CHECK(directory.Find(session->id()) == session.get());
  for (const std::string& id : gone) CHECK(directory.Find(*SessionId::Parse(id)) == nullptr);
  for (const auto& session : sessions) {
    if (session->user().empty()) continue;
    const std::vector<Session*> found = Of(std::string(session->user()));
    CHECK_EQ(std::count(found.begin(), found.end(), session.get()), 1);
  }
}

}  // namespace sheaf
