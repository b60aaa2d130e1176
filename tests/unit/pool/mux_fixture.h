// A pool in mode mux, with an app at the other end of each of its connections.
//
//   MuxFixture mux;
//   mux.Start();                                 // a link is ready
//   auto& client = mux.Open();                   // a session that the app has accepted
//   mux.app().Send(MuxText(client.id, "hello"));
//   mux.Until([&] { return client.events.Told("message hello"); });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/metric_table.h"
#include "tests/fakes/mux_app.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {

// A client's session: its handshake, and the socket since it is open (events.socket).
struct MuxClient {
  uint32_t id = 0;  // its stream, where the test knows it
  RecordingEvents events;
  std::unique_ptr<HttpStream> handshake;
  wire::FrameDecoder decoder{wire::FrameSource::kClient, kFrameLimits};

  SocketStream& socket() {
    REQUIRE(events.socket);
    return *events.socket;
  }
  // What the client has sent: masked frames, in pieces as a session gets them.
  void Send(std::string_view frames, bool in_runs = false) {
    std::vector<uint8_t> bytes(frames.begin(), frames.end());
    std::span<uint8_t> input = bytes;
    while (events.socket) {
      const wire::FramePiece piece = in_runs ? decoder.NextRun(input) : decoder.Next(input);
      if (piece.kind != wire::FramePiece::Kind::kData) return;
      events.socket->SendMessage(piece);
    }
  }
  void SendText(std::string_view text) { Send(ClientFrame(wire::Opcode::kText, text)); }
  void SendBinary(size_t size) { Send(ClientFrame(wire::Opcode::kBinary, std::string(size, 'x'))); }
};

struct MuxFixture {
  MuxFixture() {
    pool.options.upstream.mode = UpstreamMode::kMux;
    pool.options.upstream.token = "secret";
    pool.options.pool.min_size = 1;
  }

  // A link is asked for.
  void Begin() {
    pool.Start();
    Until([&] { return pool.backend.accepted() > 0 && !app().head().empty(); });
  }
  void Start() {
    Begin();
    app().Answer();
    UntilReady(1);
  }
  void UntilReady(int64_t links) {
    Until([&] { return Links(MuxLinkState::kReady) == links; });
  }

  MuxApp& app(size_t peer = 0) {
    while (apps.size() <= peer) apps.push_back(std::make_unique<MuxApp>(pool.backend, apps.size()));
    return *apps[peer];
  }
  void Poll() {
    for (size_t i = 0; i < pool.backend.accepted(); ++i) {
      if (plays(i)) app(i).Poll();
    }
  }
  void Until(const std::function<bool()>& done) {
    pool.driver.Until([&] {
      Poll();
      return done();
    });
  }
  void Settle() {
    for (int i = 0; i < 3; ++i) {
      pool.driver.Settle();
      Poll();
    }
  }

  // A handshake, as far as one turn brings it.
  MuxClient& Connect(std::shared_ptr<const Upgrade> upgrade = OpenWebSocket()) {
    clients.push_back(std::make_unique<MuxClient>());
    MuxClient& client = *clients.back();
    client.handshake = pool.upstream->Connect(std::move(upgrade), client.events);
    pool.driver.Turn();
    return client;
  }
  // The same, until the app has its OPEN.
  MuxClient& Ask(std::shared_ptr<const Upgrade> upgrade = OpenWebSocket(), size_t peer = 0) {
    const size_t before = app(peer).opened();
    MuxClient& client = Connect(std::move(upgrade));
    Until([&] { return app(peer).opened() > before; });
    client.id = app(peer).opens.rbegin()->first;
    return client;
  }
  // The same, and the app has accepted.
  MuxClient& Open(size_t peer = 0) {
    MuxClient& client = Ask(OpenWebSocket(), peer);
    app(peer).Send(MuxAccept(client.id));
    Until([&] { return client.events.Told("head 101"); });
    client.events.told.clear();
    return client;
  }
  // Has the app send these records, and waits until the link has taken them, or is over.
  void Say(std::string_view records, size_t peer = 0) {
    app(peer).Send(records);
    AwaitTaken(peer);
  }
  // The same of all that the app has sent.
  void AwaitTaken(size_t peer = 0) {
    const std::string ping = std::to_string(10'000'000 + pings++);
    app(peer).Send(MuxPingOf(wire::MuxType::kPing, ping));
    Until([&] { return app(peer).last_pong == ping || app(peer).closed(); });
    Settle();
  }

  int64_t Links(MuxLinkState state) { return pool.metrics.mux_links[state].value(); }
  int64_t Sessions() { return pool.metrics.mux_sessions.value(); }

  PoolFixture pool;
  std::function<bool(size_t)> plays = [](size_t) { return true; };  // whether an app is at this connection
  int pings = 0;
  std::vector<std::unique_ptr<MuxApp>> apps;
  std::vector<std::unique_ptr<MuxClient>> clients;
};

}  // namespace sheaf::pool
