// A request to the backend, and what comes of it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "pool/upstream_stream.h"
#include "proxy/wire/http1.h"

namespace sheaf::pool {

class Endpoint;

// A request as it goes upstream.
struct HttpRequest {
  std::string head;    // the complete HTTP/1.1 head, empty line included
  std::string method;  // decides whether the response has a body
  wire::BodyKind body = wire::BodyKind::kNone;
  bool body_finished = false;  // the whole body is already in `head`, behind it

  // RFC 9110 9.2.2: may be sent again when a pooled connection turned out to be dead. Only without a body, since
  // nothing of a body is kept.
  bool repeatable() const;
};

// How the log names a request. Views, valid as long as the one who was asked stays as it is.
struct RequestInLog {
  std::string_view method;
  std::string_view target;  // as it may be shown
  std::string_view request_id;
};

class ResponseEvents : public StreamEvents {
 public:
  // A head: any number of 1xx, then one final status.
  virtual void OnUpstreamHead(const wire::ResponseHead& head) = 0;
  // A part of the response's body, framing taken off. Valid during the call.
  virtual void OnUpstreamBody(std::string_view data) = 0;

  // Asked where the backend's answer is at fault.
  virtual RequestInLog request_in_log() const = 0;

 protected:
  ~ResponseEvents() = default;
};

// One request, from the wait for a connection to the end of its response. An unfinished one that is given up ends its
// connection.
class HttpStream : public UpstreamStream {
 public:
  // Request body, framed as the request says; FinishBody after the last part. Parts may follow before the head has
  // come. Nothing for an upgrade, which has no body.
  virtual void SendBody(std::string_view data) = 0;
  virtual void FinishBody() = 0;

  // Bytes that have left and that the backend has not taken yet: what it reads makes this less. A system call.
  virtual size_t Untaken() const = 0;

  // Whether the request has left on a connection (it does not wait for one any more).
  virtual bool leased() const = 0;
  // The connection served something before this.
  virtual bool reused() const = 0;
  // Whom it goes to, as far as that is known. nullptr: to nobody.
  virtual std::shared_ptr<Endpoint> endpoint() const = 0;
};

}  // namespace sheaf::pool
