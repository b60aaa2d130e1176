// One HTTP request and its response, or the opening handshake of a WebSocket: opens an upstream stream, streams the
// body up and the response down with backpressure both ways, and tells its owner how it ended.
//
// One clock runs at a time, that of the side whose move it is (Wait). While the request's body comes, it is the
// client's; when the backend takes no more of it, when a client awaits the backend's 100, and from the end of the
// request on, it is the backend's. Once the response has begun, a request that goes on makes a stream of both, in which
// either side may be slow.
//
// Owned by a Client; one thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pool/http_stream.h"
#include "pool/upgrade.h"
#include "proxy/base/clock.h"
#include "proxy/base/option_table.h"
#include "proxy/http/body_pace.h"
#include "proxy/http/forwarding.h"
#include "proxy/http/placing.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/plan/route_plan.h"
#include "proxy/wire/http1.h"

namespace sheaf {

class WorkerContext;

// What an exchange needs of the client's connection, and tells it.
class ExchangeOwner {
 public:
  virtual net::Connection& connection() = 0;
  // The client has sent its FIN, and nothing waits behind this request.
  virtual bool IsLastRequest() const = 0;
  // The backend does not take the body as fast as it comes, or does again: reading from the client stops and goes on.
  virtual void OnUpstreamBlocked() = 0;
  virtual void OnUpstreamDrained() = 0;
  // The response is written. `close`: the connection must end now.
  virtual void OnExchangeDone(bool close) = 0;
  // No response was begun: answer with this instead.
  virtual void OnExchangeRefused(RefuseReason reason) = 0;
  // A response was begun that cannot be finished: the connection must end without a clean terminator.
  virtual void OnExchangeBroken(CloseReason reason) = 0;
  // The backend's 101: what goes on is a WebSocket.
  virtual void OnExchangeUpgraded(const wire::ResponseHead& head, std::unique_ptr<pool::SocketStream> socket) = 0;

 protected:
  ~ExchangeOwner() = default;
};

// What an exchange keeps of its request, for the log and for its answer.
struct ExchangeInfo {
  std::string method;
  std::string target;  // as it may be shown
  std::string client;
  std::string request_id;
  std::string user_agent;
  std::string user;      // as a named proxy says; empty: none
  std::string referer;   // as it may be shown; empty: none
  std::string trace_id;  // empty: none
  int minor_version = 1;
  bool wants_html = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

class Exchange final : public pool::HandshakeEvents, public net::DeadlineHandler {
 public:
  Exchange(WorkerContext& context, ExchangeOwner& owner, const RoutePlan& plan, ExchangeInfo info);

  // Opens the stream. Events follow later.
  void Start(pool::HttpRequest request, Placing placing);
  void Start(std::shared_ptr<const pool::Upgrade> upgrade, Placing placing);

  // The request's body, framing taken off.
  void OnRequestBody(std::string_view data);
  void OnRequestEnd();
  // The client's output is full, or empty enough again.
  void OnClientBlocked();
  void OnClientDrained();

  // Gives up: no event follows. Writes the access line.
  void Cancel(CloseReason reason);

  const ExchangeInfo& info() const { return info_; }
  const RoutePlan& plan() const { return *plan_; }
  bool response_begun() const { return status_ != 0; }
  Framing framing() const { return framing_; }
  TimePoint started() const { return started_; }
  // The access line of a request that is refused, or broken off because of what the client sent.
  void LogRefused(RefuseReason reason);

  // pool::HandshakeEvents
  void OnUpstreamHead(const wire::ResponseHead& head) override;
  void OnUpstreamOpen(const wire::ResponseHead& head, std::unique_ptr<pool::SocketStream> socket) override;
  void OnUpstreamBody(std::string_view data) override;
  void OnUpstreamEnd() override;
  void OnUpstreamBlocked() override;
  void OnUpstreamDrained() override;
  void OnUpstreamClosed(CloseReason reason) override;
  pool::RequestInLog request_in_log() const override { return {info_.method, info_.target, info_.request_id}; }

  void OnDeadline(net::Deadline& deadline) override;

 private:
  enum class Wait : uint8_t {
    kClient,   // for more of the body: timeouts.body and limits.min_body_rate, or 408
    kBackend,  // for the response, or for room for the body: timeouts.response, or 504
    kStream,   // for anything, either way
    kReader,   // for the client to read: timeouts.stall
    kNothing,  // a response takes its time
  };
  Wait waiting_for() const;
  Duration limit() const;
  // What was waited for has come: the next wait begins now.
  void BeginWait();
  void CheckBackend();
  void CheckBody();
  void CheckStream();
  void CheckReader();
  // The backend has taken something since the last look; or it has not got the request yet, which waits for a
  // connection for as long as pool.acquire_timeout allows.
  bool UpstreamMoves();
  // Waits on. While something may move, of which no event tells, it is looked at more often.
  void WaitOn(Duration waited, bool may_move);
  // The response that was begun ends here.
  void Break(CloseReason reason);
  // For the access line, while there is a stream.
  void NoteEndpoint();
  void Write(std::string_view bytes);
  void CountAnswer(int status);
  // The access line, once. `status`: what the client was answered (499: it left before an answer).
  void LogAccess(int status, std::string_view end);

  WorkerContext& context_;
  ExchangeOwner& owner_;
  const RoutePlanRef plan_;
  ExchangeInfo info_;
  std::unique_ptr<pool::HttpStream> stream_;
  std::unique_ptr<SidLearner> learner_;       // of a handshake of Engine.IO
  std::shared_ptr<pool::Endpoint> endpoint_;  // which has answered, or failed to
  net::Deadline deadline_;                    // of the present wait
  BodyPace pace_;
  TimePoint started_;
  TimePoint waits_since_;  // when the last of what is waited for moved
  size_t untaken_ = 0;     // by the backend, when last looked at
  uint64_t request_bytes_ = 0;
  uint64_t response_bytes_ = 0;
  int status_ = 0;
  Framing framing_ = Framing::kAsIs;
  bool request_ended_ = false;
  bool upstream_full_ = false;    // the backend takes no more of the body at the moment
  bool awaits_continue_ = false;  // the client sends its body when the backend's 100 has come
  bool close_ = false;
  bool logged_ = false;
};

}  // namespace sheaf
