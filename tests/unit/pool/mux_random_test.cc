// Random sessions on a link against a simple model: each session gets exactly its messages, in order, and so does the
// app of each session.
#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

constexpr int kOperations = 2'000;
constexpr size_t kMostSessions = 12;

// What is expected of a session that is open.
struct Model {
  MuxClient* client;
  std::string down;  // all texts of the app, each with a comma behind
  std::string up;
};

struct Play : MuxFixture {
  explicit Play(uint32_t seed) : random(seed) { Start(); }

  size_t Any(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); }
  std::string Text() { return std::to_string(++count) + std::string(Any(8) == 0 ? Any(5'000) : Any(20), '.') + ","; }
  uint32_t AnySession() {
    return std::next(sessions.begin(), static_cast<std::ptrdiff_t>(Any(sessions.size())))->first;
  }

  void OpenOne() {
    if (sessions.size() == kMostSessions) return;
    MuxClient& client = Open();
    sessions[client.id] = {&client, "", ""};
  }
  void SayOwn() {
    const uint32_t id = AnySession();
    const std::string text = Text();
    sessions[id].down += text;
    const size_t cut = Any(text.size());
    app().Send(Any(2) == 0 ? MuxText(id, text)
                           : MuxText(id, text.substr(0, cut), wire::kMuxMore) + MuxText(id, text.substr(cut)));
  }
  MuxIds SomeSessions(const std::string& text) {
    MuxIds ids = over.empty() ? MuxIds() : MuxIds{over.back()};
    for (auto& [id, model] : sessions) {
      if (Any(2) == 0) continue;
      ids.push_back(id);
      model.down += text;
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  void SayToMany() {
    const std::string text = Text();
    const MuxIds ids = SomeSessions(text);
    if (Any(2) == 0) return app().Send(MuxMulticast(ids, text));
    const auto group = static_cast<uint32_t>(1 + Any(64));
    if (ids.empty()) return;
    app().Send(MuxGroupOf(group, ids) + MuxToGroup(group, text.substr(0, 1), wire::kMuxMore) +
               MuxToGroup(group, text.substr(1)));
  }
  void SendUp() {
    Model& model = sessions[AnySession()];
    const std::string text = Any(10) == 0 ? std::string(40'000, 'u') + Text() : Text();
    model.up += text;
    model.client->SendText(text);
  }
  // The app gives back what it has got.
  void GiveBack() {
    for (auto& [id, model] : sessions) {
      const size_t got = app().messages[id].size();
      if (got > given[id]) app().GiveCredit(id, static_cast<uint32_t>(got - given[id]));
      given[id] = got;
    }
  }
  void End(uint32_t id, bool by_app) {
    Model& model = sessions[id];
    Deliver(id);
    if (by_app) {
      Say(MuxClose(id, 1000));
      CHECK_EQ(model.client->events.told.back(), "end");
    }
    model.client->events.socket.reset();
    over.push_back(id);
    sessions.erase(id);
  }
  // Waits until all of both directions has arrived, and compares.
  void Deliver(uint32_t id) {
    Model& model = sessions[id];
    Until([&] {
      GiveBack();
      return app().messages[id].size() >= model.up.size();
    });
    AwaitTaken();
    CHECK(app().messages[id] == model.up);
    std::string got;
    for (const std::string& line : model.client->events.told) {
      if (line.starts_with("message ")) got += line.substr(8);
    }
    CHECK(got == model.down);
  }
  void Step() {
    const size_t what = Any(100);
    if (sessions.empty() || what < 8) return OpenOne();
    if (what < 14) return End(AnySession(), Any(2) == 0);
    if (what < 45) return SayOwn();
    if (what < 65) return SayToMany();
    if (what < 90) return SendUp();
    GiveBack();
    Settle();
  }

  std::mt19937 random;
  size_t count = 0;
  std::map<uint32_t, Model> sessions;
  std::map<uint32_t, size_t> given;
  std::vector<uint32_t> over;
};

}  // namespace

TEST_CASE("whatever sessions of a link do, each gets its messages, all of them, once and in order") {
  for (const uint32_t seed : {1U, 2U}) {
    CAPTURE(seed);
    Play play(seed);
    for (int i = 0; i < kOperations / 2; ++i) {
      play.Step();
      play.pool.driver.Turn();
      play.Poll();
    }
    while (!play.sessions.empty()) play.End(play.sessions.begin()->first, false);
    play.Settle();
    CHECK_EQ(play.Sessions(), 0);
    CHECK_EQ(play.Links(MuxLinkState::kReady), 1);
    CHECK_EQ(play.pool.metrics.mux_streams_waiting.value(), 0);
  }
}

}  // namespace sheaf::pool
