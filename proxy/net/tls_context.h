// A TLS configuration, shared by all the connections that use it (OpenSSL's SSL_CTX). Read by any thread. A connection
// that has begun its handshake holds what it needs of it, so that a context can be replaced, and go, at any time.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/status.h"

using SSL_CTX = struct ssl_ctx_st;

namespace sheaf::net {

class TlsContext {
 public:
  static constexpr std::string_view kMismatch = " does not match the certificate in ";

  // Towards clients: TLS 1.2 and 1.3, forward-secret AEAD ciphers, stateless session tickets, ALPN http/1.1, no
  // renegotiation, no compression, no early data. Both files PEM; the certificate file may hold a chain. The error
  // names the file and says whether it is missing, unreadable, or a key that does not match: that one has kMismatch in
  // it, as while only one of the two files has been replaced yet. `groups`: see tls_groups.h.
  static Result<std::unique_ptr<TlsContext>> ForServer(const std::string& certificate_path, const std::string& key_path,
                                                       std::span<const std::string> groups = {});

  // Towards the backend. `ca_path`: PEM file of the accepted roots, empty: the system's. `verify`: check chain and
  // name.
  static Result<std::unique_ptr<TlsContext>> ForClient(const std::string& ca_path, bool verify);

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  // Of two towards clients: whether they have the same chain and key, whatever files those came from. The one that was
  // first is then worth keeping: its tickets are good in it alone.
  bool HasPairOf(const TlsContext& other) const;

  // When the certificate towards clients expires, or the one of its chain that does so first.
  std::chrono::sys_seconds expires() const;

  SSL_CTX* get() const { return context_; }
  bool verify() const { return verify_; }

 private:
  TlsContext(SSL_CTX* context, bool verify) : context_(context), verify_(verify) {}
  bool HasChainOf(const TlsContext& other) const;

  SSL_CTX* context_;
  bool verify_;
};

}  // namespace sheaf::net
