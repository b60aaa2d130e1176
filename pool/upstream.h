// One backend as one worker sees it: a pool of connections to each of its endpoints, and who of them gets what.
//
//   auto stream = upstream.Send(std::move(request), events);   // never calls back from within
//   ...
//   stream.reset();                                        // gives the connection back, or cancels
//
// An endpoint that the backend has no more keeps its pool until its sessions are over, and so does one that is only
// asked for by Engine.IO sessions that live there. A request that could not be sent to one endpoint goes to another.
//
// Owned by Upstreams, wanted as long as an UpstreamRef leads to it. One thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pool/backend.h"
#include "pool/balance.h"
#include "pool/endpoint_pool.h"
#include "pool/placement.h"
#include "pool/pooled_stream.h"
#include "pool/upstream_settings.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"
#include "proxy/net/loop.h"

namespace sheaf::pool {

class Upstream final : private EndpointPoolEvents {
 public:
  // What is referred to outlives the Upstream. The backend has an endpoint at least.
  Upstream(net::Loop& loop, const Backend& backend, UpstreamSettings settings, PoolShare share, WorkerMetrics& metrics);
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  ~Upstream();

  // A request; and the handshake of a WebSocket, which is sent again as long as a request may be, so that it is shared
  // with whoever else keeps it.
  std::unique_ptr<HttpStream> Send(HttpRequest request, ResponseEvents& events, Placement placement = {});
  std::unique_ptr<HttpStream> Connect(std::shared_ptr<const Upgrade> upgrade, HandshakeEvents& events,
                                      Placement placement = {});

  // As EndpointPool's, of all of them.
  void Adopt(const UpstreamSettings& settings);
  void Maintain();
  void Drain();
  size_t CloseSpare();

  // The backend's endpoints from now on, and their addresses. Those that are not among them get nothing new.
  void SetEndpoints(const EndpointList& endpoints);
  // A look-up failed: those that wait for a first address have waited in vain.
  void OnNoAddress();

  // UpstreamRef's.
  void Want();
  void Unwant();
  bool wanted() const { return refs_ > 0; }
  // Nobody wants it, and it has nothing left.
  bool over() const { return !wanted() && pools_.empty() && homeless_.empty(); }

  const std::string& name() const { return name_; }
  const UpstreamSettings& settings() const { return settings_; }
  // Some endpoint is up.
  bool up() const;
  // There are endpoints to choose from.
  bool several() const { return endpoints_.size() > 1; }
  // For requests of our own.
  const std::string& host_header() const { return endpoints_.front()->url().host_header; }

  void LookAtPools(PoolLooks& looks);
  size_t count(LinkState state) const;
  size_t waiting() const;

  // For streams only.
  net::Loop& loop() const { return loop_; }
  void CancelHomeless(PooledStream& stream) { homeless_.Remove(stream); }

 private:
  bool GoElsewhere(PooledStream& stream) override;
  void OnStirred() override { stirred_ = true; }
  void OpenMuxLink(EndpointPool& pool, MuxLink& link) override;

  void Place(PooledStream& stream, Placement placement);
  // Of this backend's endpoints, but those that the stream was refused by. nullptr: there is none.
  EndpointPool* Choose(const PooledStream& stream);
  bool MayHave(const EndpointPool& pool, const PooledStream& stream) const;
  void CountNew(size_t count);
  EndpointPool* Find(const Endpoint& endpoint) const;
  EndpointPool& PoolOf(const EndpointRef& endpoint);
  bool IsWanted(const EndpointRef& endpoint) const;
  void FollowWishes();
  void TellHomeless();
  void MaintainPools();

  net::Loop& loop_;
  const std::string name_;
  const PoolShare share_;
  WorkerMetrics& metrics_;
  UpstreamSettings settings_;
  EndpointList endpoints_;
  std::vector<std::unique_ptr<EndpointPool>> pools_;  // those of endpoints_, and those that are not over yet
  // Those that no endpoint may be given, until they are told.
  List<PooledStream, &PooledStream::waiting_hook_> homeless_;
  std::vector<Candidate> candidates_;   // while it is chosen
  std::vector<EndpointPool*> chooses_;  // whose they are
  size_t turn_ = 0;
  size_t new_ = 0;  // how many of the candidates were new at the last choice
  TimePoint next_look_{};
  uint32_t refs_ = 0;
  bool stirred_ = true;          // there is something to see to, or may be
  bool gone_elsewhere_ = false;  // a request, since its upkeep began
  bool draining_ = false;
};

}  // namespace sheaf::pool
