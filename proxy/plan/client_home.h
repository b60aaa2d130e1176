// Where clients live: what a client's connection asks of the worker that has it, when it becomes something else, moves
// or is over. Tests have a home of their own.
//
// Implemented by the Worker; worker thread only. Nothing here destroys what it is called with, or who calls: what is
// retired dies at the end of the turn.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pool/socket_stream.h"
#include "proxy/base/clock.h"
#include "proxy/net/connection.h"

namespace sheaf {

class Client;
class LingeringClose;
class ProxyGreeting;
class Session;
struct Negotiated;
struct Peer;
class RoutePlan;

// What the log says of a session.
struct SessionInfo {
  std::string client;
  std::string target;  // as it may be shown
  std::string request_id;
  std::string user_agent;
  std::string user;      // as a named proxy says; empty: none
  std::string trace_id;  // empty: none
  std::string upstream;  // the endpoint; empty: there is no other
  TimePoint started;
};

// What is known of a client when its connection begins to end.
struct LingerTerms {
  bool may_shed;              // what is queued may be given up when memory is short
  bool peer_is_done = false;  // it has said that it will send no more, so that there is nothing to wait for
};

class ClientHome {
 public:
  // `tls`: nullptr: plain text. `received`: what has come behind the PROXY header.
  virtual void StartClient(std::unique_ptr<net::Connection> connection, const Peer& peer, const net::TlsContext* tls,
                           std::span<uint8_t> received) = 0;
  virtual void StartSession(std::unique_ptr<net::Connection> connection, std::unique_ptr<pool::SocketStream> stream,
                            const RoutePlan& plan, const Negotiated& negotiated, const SessionInfo& info,
                            std::string_view early) = 0;
  virtual void Linger(std::unique_ptr<net::Connection> connection, const LingerTerms& terms) = 0;
  // Lets `client` go on with held requests at the end of this turn.
  virtual void ProcessSoon(Client& client) = 0;
  // `session` was active: of all sessions it is the last to be shed or drained. Sessions tell of their activity no more
  // often than WorkerContext::activity_grain.
  virtual void MoveToNewest(Session& session) = 0;
  // More waits for a client that takes nothing at the moment, or in the loop. A turn can take in a whole read from each
  // of thousands of backends' connections: that is too much to wait for its end.
  virtual void WatchGrowth() = 0;
  // A client's connection is closed.
  virtual void ConnectionOver() = 0;
  // The argument is closed; the home destroys it at the end of the turn.
  virtual void Retire(ProxyGreeting& greeting) = 0;
  virtual void Retire(Client& client) = 0;
  virtual void Retire(Session& session) = 0;
  virtual void Retire(LingeringClose& lingering) = 0;

 protected:
  ~ClientHome() = default;
};

}  // namespace sheaf
