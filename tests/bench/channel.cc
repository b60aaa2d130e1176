#include "tests/bench/channel.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace sheaf::bench {

SslCtx NewClientContext() {
  SslCtx context(SSL_CTX_new(TLS_client_method()));
  if (!context) Die("SSL_CTX_new");
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // One suite and one group, lest servers with other preferences (Go takes AES-128, OpenSSL AES-256) do other work.
  if (SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(context.get(), "X25519") != 1)
    Die("the TLS client's suite");
  return context;
}

Channel::Channel(const sockaddr_in& to, uint8_t source, SSL_CTX* tls) : fd_(StartConnect(to, source)) {
  if (!fd_) {
    Fail();
    return;
  }
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls));
  SSL_set_fd(ssl_.get(), fd_.get());
  SSL_set_connect_state(ssl_.get());
  SSL_set_tlsext_host_name(ssl_.get(), "localhost");
}

Channel::State Channel::Fail() {
  return state_ = State::kFailed;
}

Channel::State Channel::Advance() {
  if (state_ == State::kConnecting) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Fail();
    state_ = ssl_ ? State::kHandshaking : State::kOpen;
    wanted_ = EPOLLIN;
  }
  if (state_ != State::kHandshaking) return state_;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    wanted_ = EPOLLIN;
    return state_ = State::kOpen;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return Fail();
  wanted_ = error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
  return state_;
}

Channel::Count Channel::Read(std::span<char> into) {
  if (ssl_) {
    ERR_clear_error();
    // A record a call: the rest of what the kernel has makes the descriptor readable again, so only what OpenSSL itself
    // holds back has to be fetched now.
    Count total = 0;
    do {
      const size_t room = std::min<size_t>(into.size() - static_cast<size_t>(total), std::numeric_limits<int>::max());
      const Count count = TlsCount(SSL_read(ssl_.get(), into.data() + total, static_cast<int>(room)));
      if (count <= 0) return total > 0 ? total : count;
      total += count;
    } while (SSL_pending(ssl_.get()) > 0 && static_cast<size_t>(total) < into.size());
    return total;
  }
  const ssize_t count = read(fd_.get(), into.data(), into.size());
  if (count > 0) return count;
  return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

Channel::Count Channel::Write(std::string_view bytes) {
  if (ssl_) {
    ERR_clear_error();
    return TlsCount(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())));
  }
  const ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) return count;
  return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

Channel::Count Channel::TlsCount(int result) {
  if (result > 0) return result;
  const int error = SSL_get_error(ssl_.get(), result);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

}  // namespace sheaf::bench
