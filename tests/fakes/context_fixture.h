// What a worker lends, without a worker: a real loop, metrics and stores, and a home that notes who comes and goes.
//
//   ContextFixture fixture;
//   fixture.options.batching.delivery = ...;   // before Make
//   fixture.Make();
//   Session session(fixture.context(), ...);
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pool/upstreams.h"
#include "proxy/base/log.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/session/inflater_store.h"
#include "tests/fakes/endpoints.h"
#include "tests/fakes/loop_driver.h"

namespace sheaf {

// Keeps the connections that are to linger, and counts the rest.
class HomeRecorder final : public ClientHome {
 public:
  explicit HomeRecorder(net::Loop& loop) : loop_(loop) {}

  std::vector<std::unique_ptr<net::Connection>> lingering;
  size_t retired = 0;
  size_t connections_over = 0;
  Client* soon = nullptr;           // ProcessSoon was asked for it
  std::function<void()> on_growth;  // WatchGrowth

  void StartClient(std::unique_ptr<net::Connection> connection, const Peer& /*peer*/, const net::TlsContext* /*tls*/,
                   std::span<uint8_t> /*received*/) override {
    Bury(std::move(connection));
  }
  void StartSession(std::unique_ptr<net::Connection> connection, std::unique_ptr<pool::SocketStream> /*socket*/,
                    const RoutePlan& /*plan*/, const Negotiated& /*negotiated*/, const SessionInfo& /*info*/,
                    std::string_view /*early*/) override {
    Bury(std::move(connection));
  }
  void Linger(std::unique_ptr<net::Connection> connection, const LingerTerms& /*terms*/) override {
    connection->FinishWriting();
    connection->SetEvents(deaf_);
    lingering.push_back(std::move(connection));
  }
  void ProcessSoon(Client& client) override { soon = &client; }
  void MoveToNewest(Session& /*session*/) override {}
  void WatchGrowth() override {
    if (on_growth) on_growth();
  }
  void ConnectionOver() override { ++connections_over; }
  void Retire(ProxyGreeting& /*greeting*/) override { ++retired; }
  void Retire(Client& /*client*/) override {
    ++retired;
    soon = nullptr;
  }
  void Retire(Session& /*session*/) override { ++retired; }
  void Retire(LingeringClose& /*lingering*/) override { ++retired; }

 private:
  struct Deaf final : net::ConnectionEvents {
    void OnBytes(std::span<uint8_t> /*bytes*/) override {}
    void OnEnd(net::ConnectionEnd /*end*/) override {}
  };

  void Bury(std::unique_ptr<net::Connection> connection) {
    connection->Close();
    loop_.graveyard().Retire(std::move(connection));
  }

  net::Loop& loop_;
  Deaf deaf_;
};

class ContextFixture {
 public:
  ContextFixture() {
    SetLogLevel(LogLevel::kError);
    options.pool.min_size = 0;
    options.pool.health_check_interval = std::chrono::milliseconds(0);
  }

  Options options;
  WorkerMetrics metrics;
  std::function<void()> every_turn;  // where a worker goes on with held requests
  LoopDriver driver{[this] { Work(); }, net::BufferMarks{64 * 1024, 16 * 1024}};
  HomeRecorder home{driver.loop()};

  // From the options as they are now. `backend`: where the pool dials.
  void Make(const net::Address& backend = {}) {
    if (options.backends.empty()) options.backends.push_back(DefaultBackend(options));
    generation_ = std::make_shared<const Generation>(options, "", nullptr);
    shared_.reset(new Shared{.workers = 1, .cpu_share = 1});
    upstream_ = upstreams_.Take(OneEndpoint(options.upstream.url, backend),
                                pool::UpstreamSettings::From(options, options.backends.front()));
    outboxes_ = std::make_unique<OutboxStores>(options.deflate, metrics);
    context_ = std::make_unique<WorkerContext>(WorkerContext::Lent{.shared = *shared_,
                                                                   .loop = driver.loop(),
                                                                   .metrics = metrics,
                                                                   .outboxes = *outboxes_,
                                                                   .inflaters = inflaters_,
                                                                   .home = home},
                                               generation_, std::vector{upstream_});
  }

  void BeginDrain() { shared_->draining = true; }

  WorkerContext& context() { return *context_; }
  pool::Upstream& upstream() const { return *upstream_; }
  const RoutePlan& plan() { return context_->PlanOf("/"); }

 private:
  // As Worker::RunOneTurn.
  void Work() {
    if (every_turn) every_turn();
    if (outboxes_) outboxes_->FlushDue(driver.loop());
    upstreams_.Maintain();
  }

  pool::Upstreams upstreams_{driver.loop(), {}, metrics};
  std::shared_ptr<const Generation> generation_;
  std::unique_ptr<Shared> shared_;
  pool::UpstreamRef upstream_;
  std::unique_ptr<OutboxStores> outboxes_;
  InflaterStore inflaters_;
  std::unique_ptr<WorkerContext> context_;
};

}  // namespace sheaf
