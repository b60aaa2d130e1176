// A TLS client straight from OpenSSL, in memory: it can be made to offer what ours never would.
#pragma once

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <span>
#include <string>
#include <vector>

#include "proxy/net/tls_stream.h"

namespace sheaf {

class MemoryTlsClient {
 public:
  MemoryTlsClient() : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_security_level(context_, 0);  // old versions and ciphers may be offered
    ssl_ = SSL_new(context_);
    SSL_set_connect_state(ssl_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }
  MemoryTlsClient(const MemoryTlsClient&) = delete;
  MemoryTlsClient& operator=(const MemoryTlsClient&) = delete;
  ~MemoryTlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  SSL* ssl() { return ssl_; }

  // Exchanges records with `server` until neither has more to say. Returns the server's last verdict; what it decrypted
  // is in `server_received`, what came back in `received`. `step`: bytes handed over at a time.
  net::TlsStream::Verdict Talk(net::TlsScratch& scratch, net::TlsStream& server, size_t step = SIZE_MAX) {
    auto verdict = net::TlsStream::Verdict::kOk;
    for (int idle = 0; idle < 2;) {
      if (SSL_is_init_finished(ssl_) == 0) SSL_do_handshake(ssl_);
      ReadPlaintext();
      ++idle;
      std::vector<uint8_t> bytes(BIO_ctrl_pending(SSL_get_wbio(ssl_)));
      if (!bytes.empty()) {
        BIO_read(SSL_get_wbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
        idle = 0;
      }
      for (size_t at = 0; at < bytes.size() && verdict == net::TlsStream::Verdict::kOk; at += step) {
        std::span<uint8_t> plaintext;
        verdict = server.Receive(std::span(bytes).subspan(at, std::min(step, bytes.size() - at)), plaintext);
        server_received.append(plaintext.begin(), plaintext.end());
        if (step == SIZE_MAX) break;
      }
      TakeAnswer(scratch);
    }
    ERR_clear_error();
    return verdict;
  }

  void Send(const std::string& text) { REQUIRE(SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0); }
  bool established() const { return SSL_is_init_finished(ssl_) == 1; }
  // The peer sent close_notify.
  bool closed() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }

  std::string received;
  std::string server_received;

 private:
  void TakeAnswer(net::TlsScratch& scratch) {
    if (!scratch.outgoing.empty()) {
      BIO_write(SSL_get_rbio(ssl_), scratch.outgoing.data(), static_cast<int>(scratch.outgoing.size()));
    }
    scratch.outgoing.clear();
  }
  void ReadPlaintext() {
    char buffer[4096];
    int got = 0;
    while (established() && (got = SSL_read(ssl_, buffer, sizeof(buffer))) > 0) {
      received.append(buffer, static_cast<size_t>(got));
    }
  }

  SSL_CTX* context_;
  SSL* ssl_;
};

}  // namespace sheaf
