// One request or upgrade: waits in the pool of an endpoint until a link is found, then stands between what serves
// it, a link's codec most often, and the user.
//
// Owned by the user; made by Upstream::Send and Connect. One thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "pool/affinity.h"
#include "pool/http_stream.h"
#include "pool/session_count.h"
#include "pool/upgrade.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"

namespace sheaf::pool {

class EndpointPool;
class StreamCarrier;
class Upstream;

class PooledStream final : public HttpStream {
 public:
  PooledStream(Upstream& upstream, HttpRequest request, ResponseEvents& events, uint64_t hash);
  PooledStream(Upstream& upstream, std::shared_ptr<const Upgrade> upgrade, HandshakeEvents& events, uint64_t hash);
  ~PooledStream() override;

  void SendBody(std::string_view data) override;
  void FinishBody() override;
  void PauseReading(PauseReason reason) override;
  void ResumeReading(PauseReason reason) override;
  void Close(CloseReason reason) override;
  size_t Untaken() const override;
  bool leased() const override { return carrier_ != nullptr; }
  bool reused() const override { return reused_; }
  EndpointRef endpoint() const override;

  // The rest is for its Upstream, and for what serves it.

  // What is asked: the one or the other. The request's head and the upgrade live only until OnSent or OnAnswered gives
  // them back.
  const HttpRequest& request() const { return request_; }
  const Upgrade* upgrade() const { return upgrade_.get(); }

  // To send it twice does no harm.
  bool repeatable() const;
  // May go out once more, should its connection end before an answer.
  bool MayGoAgain() const;
  // Has gone out. What cannot go out again is not kept.
  void OnSent();
  // The backend has begun to answer: nothing goes out again.
  void OnAnswered();
  // The backend has refused the upgrade, or answers a request.
  void OnFinalHead();

  ResponseEvents& events() { return *events_; }
  // It is served by this from now on.
  void Join(StreamCarrier& carrier) { carrier_ = &carrier; }
  // It is served no more. OnUpstreamEnd is the caller's to tell.
  void Leave() {
    carrier_ = nullptr;
    session_ = SessionCount();
  }
  // The upgrade's socket is open. The stream is over, and may be destroyed from within.
  void Open(const wire::ResponseHead& head, std::unique_ptr<SocketStream> socket);
  // The stream is a session of the endpoint's no more, but what comes of it is; and so with the hold on its sid.
  [[nodiscard]] bool TakeSession() { return session_.Release(); }
  SessionCount TakeSessionCount() { return std::move(session_); }
  Affinity::Hold TakeHold() { return std::move(hold_); }
  // It waits for a mux link, or does not any more.
  void AwaitMux(bool awaits) { awaits_mux_ = awaits; }
  bool awaits_mux() const { return awaits_mux_; }
  // A link is found. `pooled`: the backend may have ended it unnoticed; `ready`: the stream did not wait for it;
  // `reused`: it has served others before.
  struct Acquired {
    bool pooled;
    bool ready;
    bool reused;
  };
  void OnAcquired(WorkerMetrics& metrics, const Acquired& how);
  // Since when it waits for one.
  TimePoint opened() const { return opened_; }
  // The stream's connection is lost: it waits for another one, if `untouched` and it may; else it is over.
  void Lose(CloseReason reason, bool untouched);

 private:
  friend class EndpointPool;
  friend class Upstream;
  friend class WaitingLine;

  // To another endpoint's pool, before it waits there.
  void MoveTo(EndpointPool& pool);
  // Only there, and no session: a mux link.
  void TieTo(EndpointPool& pool);
  void TellHomeless();
  // The request, which goes out no more.
  void GiveBack();

  Upstream& upstream_;
  EndpointPool* pool_ = nullptr;  // nullptr: no endpoint can be had
  SessionCount session_;
  Affinity::Hold hold_;
  std::vector<const Endpoint*> refused_by_;  // could not be reached for it, or gave no answer
  const uint64_t hash_;
  ResponseEvents* const events_;
  HandshakeEvents* const opening_;  // of an upgrade: events_
  HttpRequest request_;
  std::shared_ptr<const Upgrade> upgrade_;
  StreamCarrier* carrier_ = nullptr;  // which serves it
  ListHook waiting_hook_;
  TimePoint opened_;
  bool counts_ = true;  // as a session of its endpoint
  bool tied_ = false;
  bool awaits_mux_ = false;
  bool refused_ = false;  // found no place to wait, and was not told yet
  bool reused_ = false;
  bool retried_ = false;  // its pooled connection was dead
  bool given_back_ = false;
  bool abandoned_ = false;  // its new connection ended, and it went to another endpoint
  bool blocked_ = false;    // more of the body waits for a connection than the high mark
};

}  // namespace sheaf::pool
