// Callbacks of one session that end the same session, or another one of its link.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

// Two sessions, the first of which ends `victim` from within its first event called `word`.
void EndFromWithin(const std::string& word, size_t victim, bool destroys) {
  MuxFixture mux;
  mux.Start();
  MuxClient& first = mux.Open();
  mux.Open();
  MuxClient& ended = *mux.clients[victim];
  std::vector<std::string> told;
  first.events.after = [&](std::string_view now) {
    if (now != word || !told.empty() || !ended.events.socket) return;
    if (destroys) {
      ended.events.socket.reset();
    } else {
      ended.events.socket->Close(CloseReason::kClientGone);
      ended.events.socket->Close(CloseReason::kClientGone);
    }
    told = ended.events.told;
    told.emplace_back("ended");
  };
  while ((word == "blocked" || word == "drained") && !first.events.Told("blocked")) {
    first.SendBinary(20'000);
    mux.Settle();
  }
  if (word == "drained") mux.app().GiveCredit(1, 1'000'000);
  if (word == "message" || word == "close" || word == "end") {
    mux.Say(MuxMulticast({1, 2}, "a") + MuxText(1, "b") + MuxText(2, "c") + MuxClose(1, 1000) + MuxText(2, "d"));
  }
  if (word == "closed") mux.app().Close();
  mux.Until([&] { return !told.empty(); });
  if (word != "closed") mux.Settle();
  told.pop_back();
  CHECK(ended.events.told == told);
  mux.clients.clear();
  if (word == "closed") return;
  mux.Settle();
  CHECK_EQ(mux.Links(MuxLinkState::kReady), 1);
}

}  // namespace

TEST_CASE("a session that is ended from within any callback of a link hears nothing more, and the link goes on") {
  for (const std::string word : {"message", "close", "end", "blocked", "drained", "closed"}) {
    for (const size_t victim : {0U, 1U}) {
      for (const bool destroys : {false, true}) {
        CAPTURE(word);
        CAPTURE(victim);
        CAPTURE(destroys);
        EndFromWithin(word, victim, destroys);
      }
    }
  }
}

TEST_CASE("a handshake may be given up from within its own head") {
  MuxFixture mux;
  mux.Start();
  MuxClient& refused = mux.Ask();
  refused.events.after = [&](std::string_view) { refused.handshake->Close(CloseReason::kClientGone); };
  MuxClient& accepted = mux.Ask();
  accepted.events.after = [&](std::string_view) { accepted.events.socket.reset(); };
  mux.Say(MuxRefuse(1, 403, {}, wire::kMuxMore) + MuxBody(1, "body") + MuxAccept(2) + MuxText(2, "late"));
  CHECK(refused.events.told == std::vector<std::string>{"head 403"});
  CHECK(accepted.events.told == std::vector<std::string>{"head 101"});
  mux.Until([&] { return mux.app().Told("close 1 1006") && mux.app().Told("close 2 1006"); });
  CHECK_EQ(mux.Sessions(), 0);
}

TEST_CASE("a new handshake from within the end of a link's session goes to another link") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  RecordingEvents next;
  std::unique_ptr<HttpStream> handshake;
  client.events.after = [&](std::string_view word) {
    if (word == "closed") handshake = mux.pool.upstream->Connect(OpenWebSocket(), next);
  };
  mux.app().Close();
  mux.Until([&] { return mux.pool.backend.accepted() == 2 && !mux.app(1).head().empty(); });
  mux.app(1).Answer();
  mux.Until([&] { return mux.app(1).opened() == 1; });
  CHECK(next.told.empty());
}

}  // namespace sheaf::pool
