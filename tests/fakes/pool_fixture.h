// A pool on a real loop, with a ScriptedBackend at its other end.
//
//   PoolFixture fixture;
//   fixture.options.pool.min_size = 2;
//   fixture.Start();                   // makes the pool, and one turn
//   auto stream = fixture.upstream->Send(Get(), events);
//   fixture.driver.Until([&] { return events.Told("end"); });
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pool/upgrade.h"
#include "pool/upstreams.h"
#include "proxy/base/log.h"
#include "proxy/wire/ws_handshake.h"
#include "tests/fakes/endpoints.h"
#include "tests/fakes/frames.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/recording_events.h"
#include "tests/fakes/scripted_backend.h"

namespace sheaf {

inline pool::HttpRequest Request(std::string method, const std::string& path = "/") {
  pool::HttpRequest request;
  request.head = method + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
  request.method = std::move(method);
  return request;
}

inline pool::HttpRequest Get(const std::string& path = "/") {
  return Request("GET", path);
}

inline pool::HttpRequest Upload(wire::BodyKind kind = wire::BodyKind::kChunked) {
  pool::HttpRequest request = Request("POST");
  request.body = kind;
  return request;
}

inline constexpr char kWebSocketKey[] = "dGhlIHNhbXBsZSBub25jZQ==";
inline const wire::FrameLimits kFrameLimits{.max_message = 1 << 24};

inline std::shared_ptr<pool::Upgrade> OpenWebSocket(const std::string& more_fields = "") {
  auto upgrade = std::make_shared<pool::Upgrade>();
  upgrade->target = "/ws";
  upgrade->fields =
      wire::FieldLines("Host: x\r\nSec-WebSocket-Key: " + std::string(kWebSocketKey) + "\r\n" + more_fields);
  upgrade->frame_limits = &kFrameLimits;
  return upgrade;
}

// The same, as the backend gets it.
inline std::string UpgradeHead() {
  return "GET /ws HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: " + std::string(kWebSocketKey) +
         "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
}

inline std::string Switching() {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
         wire::WebSocketAccept(kWebSocketKey) + "\r\n\r\n";
}

struct PoolFixture {
  PoolFixture() {
    SetLogLevel(LogLevel::kError);
    // What a test does not set is off or far away.
    options.pool.min_size = 0;
    options.pool.backoff_min = options.pool.backoff_max = std::chrono::milliseconds(1);
    options.pool.max_lifetime = std::chrono::milliseconds(0);
    options.pool.health_check_interval = std::chrono::milliseconds(0);
  }

  void Start() {
    Adopt();
    driver.Turn();
  }
  // The options as they are now, as a configuration that comes into force does.
  void Adopt() {
    budget->SetBounds(options.pool.max_size, options.pool.max_waiting);
    if (!upstream) endpoint.SetAddresses(address.empty() ? std::vector<net::Address>{} : std::vector{address});
    upstream = upstreams.Take(shared, Settings());
  }
  pool::UpstreamSettings Settings() const { return pool::UpstreamSettings::From(options, DefaultBackend(options)); }
  // Its name leads to these addresses now.
  void SetAddresses(std::vector<net::Address> addresses) {
    endpoint.SetAddresses(std::move(addresses));
    upstreams.SetEndpoints(shared);
  }
  // The same, until the warm connections stand.
  void StartWarm(uint32_t connections) {
    options.pool.min_size = connections;
    Start();
    driver.Until([&] { return upstream->count(pool::LinkState::kIdle) == connections; });
    driver.Until([&] { return backend.accepted() == connections; });
  }
  // Opens a stream and waits until the backend has its request on connection `peer`.
  std::unique_ptr<pool::HttpStream> OpenOn(size_t peer, pool::HttpRequest request, RecordingEvents& events) {
    auto stream = upstream->Send(std::move(request), events);
    AwaitRequest(peer);
    return stream;
  }
  std::unique_ptr<pool::HttpStream> OpenOn(size_t peer, std::shared_ptr<const pool::Upgrade> upgrade,
                                           RecordingEvents& events) {
    auto stream = upstream->Connect(std::move(upgrade), events);
    AwaitRequest(peer);
    return stream;
  }
  void AwaitRequest(size_t peer) {
    driver.Until([&] { return backend.accepted() > peer && !backend.received(peer).empty(); });
  }

  size_t Idle() const { return upstream->count(pool::LinkState::kIdle); }
  size_t Active() const { return upstream->count(pool::LinkState::kActive); }
  size_t Links() const {
    size_t all = 0;
    for (size_t state = 0; state < pool::kLinkStates; ++state)
      all += upstream->count(static_cast<pool::LinkState>(state));
    return all;
  }
  uint64_t Evicted(CloseReason reason) { return metrics.pool_evicted_total[reason].value(); }

  ScriptedBackend backend;
  net::Address address = backend.address();  // where the pool begins
  Options options;
  const pool::Backend shared = OneEndpoint("http://127.0.0.1:8000", address);
  pool::Endpoint& endpoint = *shared.endpoints.front();
  pool::PoolBudget* const budget = &endpoint.budget();
  WorkerMetrics metrics;
  LoopDriver driver{[this] {
                      upstreams.Maintain();
                      backend.Poll();
                    },
                    net::BufferMarks{64 * 1024, 16 * 1024}};
  pool::Upstreams upstreams{driver.loop(), {}, metrics};
  pool::UpstreamRef upstream;  // since Start
};

// Another worker's view of the fixture's backend, in the same loop.
struct OtherWorker {
  OtherWorker(PoolFixture& fixture, pool::PoolShare share)
      : upstreams(fixture.driver.loop(), share, metrics),
        upstream(upstreams.Take(fixture.shared, fixture.Settings())) {}

  WorkerMetrics metrics;
  pool::Upstreams upstreams;
  pool::UpstreamRef upstream;
};

}  // namespace sheaf
