#include "proxy/net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "proxy/net/address.h"
#include "proxy/net/tls_context.h"

namespace sheaf::net {
namespace {

int BioWrite(BIO* bio, const char* data, int size) {
  auto* scratch = static_cast<TlsScratch*>(BIO_get_data(bio));
  scratch->outgoing.insert(scratch->outgoing.end(), data, data + size);
  return size;
}

int BioRead(BIO* bio, char* data, int size) {
  auto* scratch = static_cast<TlsScratch*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (scratch->incoming.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t taken = std::min(scratch->incoming.size(), static_cast<size_t>(size));
  std::memcpy(data, scratch->incoming.data(), taken);
  scratch->incoming = scratch->incoming.subspan(taken);
  return static_cast<int>(taken);
}

long BioControl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace

TlsScratch::TlsScratch()
    : method_(BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "sheaf")),
      bio_(nullptr),
      plaintext_(new uint8_t[kPlaintext]) {
  BIO_meth_set_write(method_, &BioWrite);
  BIO_meth_set_read(method_, &BioRead);
  BIO_meth_set_ctrl(method_, &BioControl);
  bio_ = BIO_new(method_);
  BIO_set_data(bio_, this);
  BIO_set_init(bio_, 1);
}

TlsScratch::~TlsScratch() {
  BIO_free(bio_);
  BIO_meth_free(method_);
}

std::unique_ptr<TlsStream> TlsStream::Accept(TlsScratch& scratch, const TlsContext& context) {
  SSL* ssl = SSL_new(context.get());
  if (ssl == nullptr) return nullptr;
  BIO_up_ref(scratch.bio());
  SSL_set_bio(ssl, scratch.bio(), scratch.bio());
  SSL_set_accept_state(ssl);
  return std::unique_ptr<TlsStream>(new TlsStream(scratch, ssl));
}

std::unique_ptr<TlsStream> TlsStream::Connect(TlsScratch& scratch, const TlsContext& context,
                                              const std::string& server_name) {
  SSL* ssl = SSL_new(context.get());
  if (ssl == nullptr) return nullptr;
  BIO_up_ref(scratch.bio());
  SSL_set_bio(ssl, scratch.bio(), scratch.bio());
  SSL_set_connect_state(ssl);
  // RFC 6066: SNI holds names, never addresses.
  if (IsIpLiteral(server_name)) {
    if (context.verify()) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name.c_str());
  } else if (!server_name.empty()) {
    SSL_set_tlsext_host_name(ssl, server_name.c_str());
    if (context.verify()) SSL_set1_host(ssl, server_name.c_str());
  }
  return std::unique_ptr<TlsStream>(new TlsStream(scratch, ssl));
}

TlsStream::~TlsStream() {
  SSL_free(ssl_);
}

bool TlsStream::resumed() const {
  return SSL_session_reused(ssl_) == 1;
}

TlsStream::Verdict TlsStream::Fail() {
  error_ = ERR_peek_error();
  ERR_clear_error();
  return Verdict::kFailed;
}

TlsStream::Verdict TlsStream::Receive(std::span<const uint8_t> ciphertext, std::span<uint8_t>& plaintext) {
  scratch_.incoming = ciphertext;
  plaintext = {};
  ERR_clear_error();
  if (!established_) {
    const int done = SSL_do_handshake(ssl_);
    if (done != 1) {
      const int error = SSL_get_error(ssl_, done);
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Verdict::kOk : Fail();
    }
    established_ = true;
  }
  const std::span<uint8_t> buffer = scratch_.plaintext();
  size_t filled = 0;
  for (;;) {
    const auto room = static_cast<int>(std::min<size_t>(buffer.size() - filled, INT_MAX));
    const int got = SSL_read(ssl_, buffer.data() + filled, room);
    if (got > 0) {
      filled += static_cast<size_t>(got);
      continue;
    }
    plaintext = buffer.first(filled);
    const int error = SSL_get_error(ssl_, got);
    if (error == SSL_ERROR_WANT_READ) return Verdict::kOk;
    return error == SSL_ERROR_ZERO_RETURN ? Verdict::kEnd : Fail();
  }
}

bool TlsStream::Encrypt(std::span<const uint8_t> plaintext, size_t most) {
  ERR_clear_error();
  while (!plaintext.empty()) {
    const size_t size = std::min<size_t>({plaintext.size(), most, INT_MAX});
    const int written = SSL_write(ssl_, plaintext.data(), static_cast<int>(size));
    if (written <= 0) {
      Fail();
      return false;
    }
    plaintext = plaintext.subspan(static_cast<size_t>(written));
  }
  return true;
}

void TlsStream::AppendCloseNotify() {
  ERR_clear_error();
  if (established_) SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::string TlsStream::ErrorText() const {
  if (SSL_get_verify_result(ssl_) != X509_V_OK) return X509_verify_cert_error_string(SSL_get_verify_result(ssl_));
  const char* reason = error_ == 0 ? nullptr : ERR_reason_error_string(error_);
  return reason != nullptr ? reason : "the connection broke off";
}

}  // namespace sheaf::net
