// A client's connection on a listener with proxy_protocol, from its first byte to the end of its PROXY header.
// What the header says becomes the connection's peer, and with that the connection goes to a Client; nothing of the
// header is left behind. A header that is wrong, late or of a stranger ends the connection before anything else is
// read.
//
// Owned by a Worker; one thread only.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/list.h"
#include "proxy/base/status.h"
#include "proxy/http/peer.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"

namespace sheaf {

class WorkerContext;

class ProxyGreeting final : public net::ConnectionEvents, public net::DeadlineHandler {
 public:
  // `peer`: the other end of the socket, the proxy in front. `tls`: of the listener, for what comes behind the header;
  // nullptr: plain text.
  ProxyGreeting(WorkerContext& context, const Peer& peer, std::shared_ptr<const net::TlsContext> tls);

  // Takes over the accepted socket. False when nobody may say there whose a connection is, or memory or descriptors ran
  // out (the socket is closed).
  bool Start(int fd);
  // Leaves the worker. May be called twice.
  void Close(CloseReason reason);
  // The worker drains: the client's header and first request have a moment left.
  void Drain();

  // net::ConnectionEvents
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;

  void OnDeadline(net::Deadline& deadline) override;

  ListHook hook_;  // the worker's list

 private:
  // Takes all that has come; what stands behind the header may be changed.
  void Take(std::span<uint8_t> received);
  void Refuse(CloseReason reason, std::string_view error);
  void LogRefusal(std::string_view error) const;

  WorkerContext& context_;
  std::unique_ptr<net::Connection> connection_;
  std::string held_;  // a header that is not complete
  net::Deadline deadline_;
  const Peer peer_;
  const std::shared_ptr<const net::TlsContext> tls_;
};

}  // namespace sheaf
