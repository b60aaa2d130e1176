// A client connection while it speaks HTTP/1.1: collects heads, checks them, opens an exchange for each request, one
// after another (pipelined ones wait), and answers itself what must not reach the backend. When a WebSocket opens,
// connection and stream go to a new Session, and the Client retires.
//
// A client that sends its FIN right behind its requests (`nc`, old health checkers) gets the answers to all that came
// whole. One whose FIN comes while it has long been waiting has given up, as has one that breaks off, or whose FIN
// comes amid a request or a WebSocket handshake: what is under way for it ends at once.
//
// Owned by a Worker; one thread only. Between requests it holds no buffer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/list.h"
#include "proxy/http/exchange.h"
#include "proxy/http/peer.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/plan/negotiation.h"
#include "proxy/wire/http1.h"

namespace sheaf {

class Client final : public net::ConnectionEvents, public net::DeadlineHandler, public ExchangeOwner {
 public:
  explicit Client(WorkerContext& context, const Peer& peer);
  ~Client();

  // Takes over the accepted socket. `tls`: of its listener; nullptr: plain text. False when memory or descriptors ran
  // out (the socket is closed).
  bool Start(int fd, const net::TlsContext* tls);
  // Starts with a connection of which `received` has come already, ahead of TLS. The client may be closed at the end
  // of this.
  void TakeOver(std::unique_ptr<net::Connection> connection, const net::TlsContext* tls, std::span<uint8_t> received);

  // Answers before any request has come, and closes: there are too many connections. Without lingering the descriptor
  // is given back at once, and the answer may be lost to a client that has not sent its request yet.
  void RefuseConnection(RefuseReason reason, bool may_linger);
  // Goes on with what waited behind the last request (ClientHome::ProcessSoon).
  void ProcessHeld();

  // Ends the connection and leaves the worker. May be called twice.
  void Close(CloseReason reason);
  // Closes at once if no request is under way, else after its response.
  void Drain();

  // For relief from memory pressure. Something waits for the client, of a response under way or of the last one, and
  // the route allows that it is not sent.
  bool MayShedByCost() const;
  size_t cost() const { return connection_->queued(); }
  size_t memory() const { return cost(); }
  Duration StalledFor() { return connection_->StalledFor(); }
  // Broken off, so that nobody takes what has left for the whole.
  void Shed();

  // net::ConnectionEvents
  void OnConnected() override;
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnOutputBlocked() override;
  void OnOutputDrained() override;

  // ExchangeOwner
  net::Connection& connection() override { return *connection_; }
  bool IsLastRequest() const override { return peer_ended_ && !HoldsMore(); }
  void OnUpstreamBlocked() override;
  void OnUpstreamDrained() override;
  void OnExchangeDone(bool close) override;
  void OnExchangeRefused(RefuseReason reason) override;
  void OnExchangeBroken(CloseReason reason) override;
  void OnExchangeUpgraded(const wire::ResponseHead& head, std::unique_ptr<pool::SocketStream> socket) override;

  void OnDeadline(net::Deadline& deadline) override;

  ListHook hook_;       // the worker's list
  ListHook soon_hook_;  // the worker's list of those with requests to go on with

 private:
  // Bytes that may wait behind a request under way: pipelined requests, or frames sent along with a handshake.
  static constexpr size_t kMaxHeld = 64 * 1024;

  static constexpr Duration kFirstRequestWhileDraining = std::chrono::seconds(1);

  // A FIN that follows the client's last byte sooner than this belongs to its request. Those who half-close do it at
  // once, and a lost segment is sent again within about a second; time-outs and impatient people take longer. (nginx,
  // Envoy and, since 3.3, HAProxy take every FIN for the client's leaving; HAProxy before that none.)
  static constexpr Duration kHalfCloseWithin = std::chrono::seconds(2);

  enum class State : uint8_t {
    kTlsHandshake,
    kIdle,      // between requests
    kHead,      // a head has begun
    kExchange,  // a request is under way
    kClosed,
  };

  void Process(std::string_view& input);
  bool TakeHead(std::string_view& input);
  void TakeBody(std::string_view& input);
  void Hold(std::string_view bytes);
  size_t MostHeld() const;
  void StartRequest();
  Exchange& MakeExchange(const RoutePlan& plan, ExchangeInfo info);
  ClientInfo InfoOfClient() const;
  // Of a new connection.
  void AwaitHandshake();
  void AwaitRequest();

  // Answers without the backend, and closes. The request's head may be known (in the context) or not, and so
  // may its route.
  void Refuse(RefuseReason reason, const wire::RequestHead* request, const RoutePlan* route = nullptr);
  void AnswerRefusal(RefuseReason reason, const wire::RequestHead* request, const RoutePlan* route);
  // `target`: as it may be shown.
  void LogRefusal(RefuseReason reason, std::string_view method, std::string_view target, std::string_view request_id,
                  std::string_view trace_id) const;
  void Answer(RefuseReason reason, std::string_view request_id, bool html, bool head_request, bool close);
  // Gives the connection to a LingeringClose.
  // `client_is_done`: it has said that it will send no more.
  void Finish(CloseReason reason, bool client_is_done = false);
  void DropExchange();
  // After the client's FIN: something of what came is still to be answered.
  bool OwesAnswers() const;
  // More than the empty line that some clients send behind a body.
  bool HoldsMore() const { return held_.size() > wire::SkippableEmptyLines(held_); }
  bool HalfCloses() const;
  void EndWithClient();

  WorkerContext& context_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Negotiated> negotiated_;  // of the handshake under way
  std::string held_;                        // a head that is not complete, or what waits behind the request under way
  wire::HeadScanner scanner_;
  wire::BodyDecoder body_;
  TimePoint heard_at_;      // when the client's last byte was read
  net::Deadline deadline_;  // while no exchange is under way, which has its own
  const Peer peer_;
  uint64_t body_bytes_ = 0;
  State state_ = State::kIdle;
  bool processing_ = false;  // Process is on the stack: it goes on by itself
  bool peer_ended_ = false;
  bool served_ = false;   // it has had a request
  bool may_shed_ = true;  // as the route of the request under way, or of the last one, says
};

}  // namespace sheaf
