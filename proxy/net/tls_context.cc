#include "proxy/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>

#include <algorithm>
#include <ctime>

#include "proxy/net/tls_groups.h"

namespace sheaf::net {
namespace {

// Mozilla's "intermediate" list without the DHE and CBC entries: forward secrecy and AEAD only.
constexpr char kTls12Ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

constexpr unsigned char kAlpnHttp11[] = "\x08http/1.1";

std::string LastError() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

Error Mismatch(const std::string& certificate_path, const std::string& key_path) {
  ERR_clear_error();
  return Error{"the key in '" + key_path + "'" + std::string(TlsContext::kMismatch) + "'" + certificate_path + "'"};
}

// A client that offers ALPN without http/1.1 (h2 only) is refused by the alert that says so, instead of a garbled
// session.
int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned in_length,
               void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kAlpnHttp11, sizeof(kAlpnHttp11) - 1, in, in_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// Nobody is there to type it: a key with a password is an error, not a prompt.
int NoPassword(char*, int, int, void*) {
  return -1;
}

// OpenSSL has read the certificate, and with it a time of X.509's two forms.
std::chrono::sys_seconds ExpiryOf(const X509* certificate) {
  std::tm time{};
  ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time);
  return std::chrono::sys_seconds(std::chrono::seconds(timegm(&time)));
}

void SetCommon(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kTls12Ciphers);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  // RELEASE_BUFFERS: an idle connection holds no record buffer.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One read from our memory BIO takes header and record together.
  SSL_CTX_set_read_ahead(context, 1);
}

}  // namespace

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

Result<std::unique_ptr<TlsContext>> TlsContext::ForServer(const std::string& certificate_path,
                                                          const std::string& key_path,
                                                          std::span<const std::string> groups) {
  ERR_clear_error();
  std::unique_ptr<TlsContext> tls(new TlsContext(SSL_CTX_new(TLS_server_method()), false));
  SSL_CTX* context = tls->get();
  if (context == nullptr) return Error{"OpenSSL gives no context: " + LastError()};
  SetCommon(context);
  SetServerGroups(context, groups);
  // Tickets carry the session, so nothing is kept here between connections.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_max_early_data(context, 0);
  static constexpr unsigned char kSessionContext[] = "sheaf";
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof(kSessionContext) - 1);
  SSL_CTX_set_default_passwd_cb(context, &NoPassword);
  SSL_CTX_set_alpn_select_cb(context, &SelectAlpn, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_path.c_str()) != 1) {
    return Error{"cannot read a PEM certificate from '" + certificate_path + "': " + LastError()};
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_path.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    if (mismatch) return Mismatch(certificate_path, key_path);
    return Error{"cannot read a PEM private key from '" + key_path + "': " + LastError()};
  }
  if (SSL_CTX_check_private_key(context) != 1) return Mismatch(certificate_path, key_path);
  return tls;
}

bool TlsContext::HasPairOf(const TlsContext& other) const {
  const X509* own = SSL_CTX_get0_certificate(context_);
  const X509* others = SSL_CTX_get0_certificate(other.context_);
  const EVP_PKEY* key = SSL_CTX_get0_privatekey(context_);
  const EVP_PKEY* key_of_other = SSL_CTX_get0_privatekey(other.context_);
  if (own == nullptr || others == nullptr || key == nullptr || key_of_other == nullptr) return false;
  return X509_cmp(own, others) == 0 && EVP_PKEY_eq(key, key_of_other) == 1 && HasChainOf(other);
}

bool TlsContext::HasChainOf(const TlsContext& other) const {
  STACK_OF(X509)* own = nullptr;
  STACK_OF(X509)* others = nullptr;
  SSL_CTX_get0_chain_certs(context_, &own);
  SSL_CTX_get0_chain_certs(other.context_, &others);
  const int size = sk_X509_num(own);  // -1: none
  if (size != sk_X509_num(others)) return false;
  for (int i = 0; i < size; ++i) {
    if (X509_cmp(sk_X509_value(own, i), sk_X509_value(others, i)) != 0) return false;
  }
  return true;
}

std::chrono::sys_seconds TlsContext::expires() const {
  std::chrono::sys_seconds first = ExpiryOf(SSL_CTX_get0_certificate(context_));
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context_, &chain);
  for (int i = 0; i < sk_X509_num(chain); ++i) first = std::min(first, ExpiryOf(sk_X509_value(chain, i)));
  return first;
}

Result<std::unique_ptr<TlsContext>> TlsContext::ForClient(const std::string& ca_path, bool verify) {
  ERR_clear_error();
  std::unique_ptr<TlsContext> tls(new TlsContext(SSL_CTX_new(TLS_client_method()), verify));
  SSL_CTX* context = tls->get();
  if (context == nullptr) return Error{"OpenSSL gives no context: " + LastError()};
  SetCommon(context);
  SSL_CTX_set_alpn_protos(context, kAlpnHttp11, sizeof(kAlpnHttp11) - 1);
  SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!ca_path.empty() && SSL_CTX_load_verify_locations(context, ca_path.c_str(), nullptr) != 1) {
    return Error{"cannot read PEM certificates from '" + ca_path + "': " + LastError()};
  }
  if (ca_path.empty() && verify && SSL_CTX_set_default_verify_paths(context) != 1) {
    return Error{"cannot load the system's root certificates: " + LastError()};
  }
  return tls;
}

}  // namespace sheaf::net
