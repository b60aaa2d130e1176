// TLS over bytes in memory: ciphertext in, plaintext out, and the other way round. It reads and writes no socket, so
// that a read of the socket fills one buffer of the loop, and all records of a turn leave in one system call.
//
// Owned by a Connection; one thread only. Per connection it costs OpenSSL's own state and nothing more: the buffers and
// the BIO are the loop's (TlsScratch).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/base/status.h"

using SSL = struct ssl_st;
using BIO = struct bio_st;
using BIO_METHOD = struct bio_method_st;

namespace sheaf::net {

class TlsContext;

// What all TLS connections of a loop share: the BIO that reads from and writes to the spans below, and the plaintext
// buffer.
class TlsScratch {
 public:
  // A record's plaintext is at most 16 KiB; a receive buffer of ciphertext never decrypts to more than itself plus what
  // OpenSSL still held of the record before.
  static constexpr size_t kPlaintext = 96 * 1024;

  TlsScratch();
  TlsScratch(const TlsScratch&) = delete;
  TlsScratch& operator=(const TlsScratch&) = delete;
  ~TlsScratch();

  BIO* bio() { return bio_; }
  std::span<uint8_t> plaintext() { return {plaintext_.get(), kPlaintext}; }

  std::span<const uint8_t> incoming;  // ciphertext that OpenSSL has not taken yet
  std::vector<uint8_t> outgoing;      // ciphertext that OpenSSL has made

 private:
  BIO_METHOD* method_;
  BIO* bio_;
  std::unique_ptr<uint8_t[]> plaintext_;
};

class TlsStream {
 public:
  enum class Verdict : uint8_t { kOk, kEnd, kFailed };

  // `server_name`: SNI and the name that is verified; an IP literal is verified as an address. Only for clients of a
  // backend.
  static std::unique_ptr<TlsStream> Accept(TlsScratch& scratch, const TlsContext& context);
  static std::unique_ptr<TlsStream> Connect(TlsScratch& scratch, const TlsContext& context,
                                            const std::string& server_name);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  ~TlsStream();

  bool established() const { return established_; }
  bool resumed() const;

  // Takes all of `ciphertext` (at most a receive buffer); while the handshake runs it advances it. `plaintext` becomes
  // a view of the scratch, valid until the next call on any stream of the loop, and is to be handed on whatever the
  // verdict. Answers (handshake messages, alerts) are left in scratch.outgoing.
  Verdict Receive(std::span<const uint8_t> ciphertext, std::span<uint8_t>& plaintext);

  // Appends the records of `plaintext` to scratch.outgoing, each with at most `most` bytes of it (and 16 KiB).
  [[nodiscard]] bool Encrypt(std::span<const uint8_t> plaintext, size_t most = SIZE_MAX);

  // Appends close_notify to scratch.outgoing.
  void AppendCloseNotify();

  // What went wrong, for the log.
  std::string ErrorText() const;

 private:
  TlsStream(TlsScratch& scratch, SSL* ssl) : scratch_(scratch), ssl_(ssl) {}
  Verdict Fail();

  TlsScratch& scratch_;
  SSL* ssl_;
  unsigned long error_ = 0;
  bool established_ = false;
};

}  // namespace sheaf::net
