// The generator's end of one TCP connection, plain or TLS.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "tests/bench/socket.h"

namespace sheaf::bench {

struct SslCtxFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslCtx = std::unique_ptr<SSL_CTX, SslCtxFree>;

// A client's context: TLS 1.3 with one group and one cipher suite, every handshake a full one, the certificate not
// verified against a root (the signature of the handshake is, as in any handshake).
SslCtx NewClientContext();

class Channel {
 public:
  enum class State : uint8_t { kConnecting, kHandshaking, kOpen, kFailed };
  // bytes > 0: so many. 0: nothing for now. -1: the connection ended or failed.
  using Count = int64_t;

  // tls may be nullptr: plain. source: see StartConnect.
  Channel(const sockaddr_in& to, uint8_t source, SSL_CTX* tls);

  // Goes on with connecting; call it on every event until the state is kOpen or kFailed.
  State Advance();
  Count Read(std::span<char> into);
  Count Write(std::string_view bytes);

  // What epoll has to wait for while nothing is queued by the caller.
  uint32_t WantedEvents() const { return wanted_; }
  int fd() const { return fd_.get(); }

 private:
  State Fail();
  Count TlsCount(int result);

  Fd fd_;
  std::unique_ptr<SSL, SslFree> ssl_;
  State state_ = State::kConnecting;
  uint32_t wanted_ = EPOLLOUT;
};

}  // namespace sheaf::bench
