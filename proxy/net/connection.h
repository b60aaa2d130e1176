// One socket, plain or TLS, over one edge-triggered event. What it reads is handed on as a view of the loop's receive
// buffer; what it is told to write leaves in one system call when the read that caused it is over, and is queued only
// when the kernel takes no more. An idle connection holds no buffer: budget 128 bytes, plus OpenSSL's state for TLS.
//
// Owned by a session, a client or an upstream link (unique_ptr), which retires it after Close. The events interface is
// called in the loop's thread; any callback may Close the connection, none may destroy it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"
#include "proxy/base/pause.h"
#include "proxy/net/address.h"
#include "proxy/net/unsent_mark.h"
#include "proxy/net/write_gatherer.h"

struct event;

namespace sheaf::net {

class Loop;
class TlsContext;
class TlsStream;

// How a connection came to its end without our Close.
enum class ConnectionEnd : uint8_t {
  kEof,            // the peer has closed in order; all it sent was handed on before
  kReset,          // the connection broke
  kConnectFailed,  // it never came about
  kTlsFailed,      // handshake or record failure
};

class ConnectionEvents {
 public:
  // The TCP connection, and TLS if any, is established.
  virtual void OnConnected() {}
  // Received bytes, which may be changed, valid during the call: take or copy them all.
  virtual void OnBytes(std::span<uint8_t> bytes) = 0;
  // Nothing more will be received. Close the connection, or go on writing after kEof: kReset follows if the peer breaks
  // off.
  virtual void OnEnd(ConnectionEnd end) = 0;
  // The output queue went over the high mark, or came back under the low one.
  virtual void OnOutputBlocked() {}
  virtual void OnOutputDrained() {}
  // The kernel has taken all that was queued, and wants more: full() is over.
  virtual void OnOutputEmpty() {}
  // The last queued byte has gone to the kernel, after FinishWriting.
  virtual void OnFinished() {}

 protected:
  ~ConnectionEvents() = default;
};

// Bytes on the socket, of one side (clients or upstream), for the metrics.
struct IoCounters {
  Counter* received;
  Counter* sent;
};

class Connection {
 public:
  // An accepted, non-blocking socket; `is_unix`: not TCP. `tls`: nullptr for plain. Reading begins at once.
  static std::unique_ptr<Connection> Accept(Loop& loop, int fd, const TlsContext* tls, const IoCounters& io,
                                            ConnectionEvents& events, bool is_unix = false);
  // Dials. The outcome is OnConnected or OnEnd, later in the loop; nullptr when no socket could be made: this process
  // has no descriptor or no memory for it, and errno says which.
  static std::unique_ptr<Connection> Connect(Loop& loop, const Address& address, const TlsContext* tls,
                                             const std::string& server_name, const IoCounters& io,
                                             ConnectionEvents& events);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // What comes from now on is TLS, of which `received` has come already: its callbacks come from within this call, and
  // Close may be one of their results. False when there is no memory for it. Only once, of an accepted plain
  // connection.
  [[nodiscard]] bool BeginTls(const TlsContext& tls, std::span<uint8_t> received);

  // From now on these are told. An idle pooled connection has its own.
  void SetEvents(ConnectionEvents& events) { events_ = &events; }

  // Little of what is written from now on is to wait in the kernel: full() begins when as much lies unsent there as
  // leaves in a moment (UnsentMark), and TLS records for a slow peer are short. Over a Unix socket nothing changes.
  void KeepFresh();

  void Write(std::span<const uint8_t> bytes);
  void Write(std::string_view text) { Write(AsBytes(text)); }

  // Bytes written but not yet taken by the kernel.
  size_t queued() const;
  // Bytes written but not yet acknowledged by the peer: queued(), and what the kernel holds; without some of what left
  // in this turn, perhaps.
  size_t Untaken() const;
  // The kernel takes no more at the moment, or is to have no more; what is written is queued.
  bool full() const { return output_ != nullptr; }
  // The output is blocked: over the high mark and not yet under the low one.
  bool blocked() const { return over_high_; }
  // How long the kernel has taken nothing, nor the peer, while it was full; zero when it is not.
  Duration StalledFor();

  void PauseReading(PauseReason reason) { pauses_.Add(reason); }
  void ResumeReading(PauseReason reason);
  bool paused(PauseReason reason) const { return pauses_.has(reason); }

  // The kernel wakes us only when `bytes` wait to be read, or at the end of the connection: what trickles in then costs
  // no wake-up and no read until ReadNow (SO_RCVLOWAT; a Unix socket, which has none, does not wake us at all). 1:
  // as usual.
  void DeferReading(size_t bytes);
  // Reads what has come, though nothing has woken us for it yet, unless reading is paused. Not from within a callback
  // of a read.
  void ReadNow();

  // The peer has sent its FIN, and what comes for it may be a while: whether it is gone altogether is found out by
  // probes (TCP keep-alive). A peer whose socket is closed is then told as kReset within about 90 s, without a write
  // that fails.
  void ProbePeer() const;

  // Sends what is queued, then close_notify and FIN. OnFinished follows when all of it has left. Reading goes on.
  void FinishWriting();

  // Sends what was written, and the end of TLS: nothing may be written after it. Whether the kernel has taken all, so
  // that Close loses nothing. (But what a peer sends to a closed socket is answered with a reset, which destroys what
  // it has not read: only a peer that will send no more needs no FinishWriting.)
  bool SendRest();

  // Ends it now: stops events, closes the descriptor, drops what is queued. May be called twice.
  void Close();
  bool closed() const { return fd_ < 0; }
  // Close after one attempt to send what is queued. What the peer has sent so far is taken first: unread, it would
  // turn the end into a reset, which may overtake our last words.
  void CloseAfterLastWords();
  // Ends it with a reset, so that nobody can take what was sent for the whole.
  void Abort();
  // What is received is of no use to anybody any more: the peer's end is told as soon as it is known, without reading
  // on.
  void DiscardInput() { discarding_ = true; }
  // The peer has sent its FIN, though it may not have been read yet.
  bool peer_ended() const { return peer_ended_; }
  // OnEnd was told.
  bool ended() const { return ended_; }
  // The errno of a dial that failed, or of the break of a connection; 0 where the kernel told none. Known as soon as
  // Connect has returned where the kernel refused at once, before OnEnd.
  int error() const { return error_; }

  // What lies in the socket, without taking it: for a connection that nobody reads at the moment. One system call.
  enum class Waiting : uint8_t { kNothing, kBytes, kEnd };
  Waiting LookForInput() const;

  bool is_tls() const { return tls_ != nullptr; }
  bool tls_resumed() const;
  std::string TlsErrorText() const;
  // Why it broke or never came about, by OpenSSL's or the kernel's words; empty where neither has said anything.
  std::string ErrorText() const;
  Loop& loop() { return loop_; }

 private:
  friend class Loop;
  friend class WriteGatherer;

  static constexpr uint32_t kNoSlot = UINT32_MAX;

  struct Output {  // exists only while full()
    size_t left() const { return bytes.size() - sent; }

    std::vector<uint8_t> bytes;
    size_t sent = 0;
    TimePoint progress_at;
    int in_kernel = 0;  // bytes that the peer had not acknowledged, when last looked at, and those added since
  };

  Connection(Loop& loop, int fd, const IoCounters& io, ConnectionEvents& events);
  static void OnEvent(int fd, short what, void* self);
  bool SetInterest(bool writing);
  // TCP tells of room to write only after it was full, so the interest may stay and costs no epoll_ctl. A Unix socket
  // tells of every message that its peer reads, so the interest must go.
  bool ForgetWriting();

  void OnReadable();
  void OnHangUp();
  void ReadOnce();
  void HandOnTls(std::span<uint8_t> ciphertext);
  void End(ConnectionEnd end);
  void EndAgain();
  void FinishConnecting();

  // The gathered bytes of this turn (WriteGatherer).
  void Transmit(std::span<const uint8_t> bytes);
  void ForgetGathered() { gathered_slot_ = WriteGatherer::kNone; }
  void TransmitRaw(std::span<const uint8_t> wire_bytes);
  void TransmitTlsOutput();
  void ContinueWriting();
  bool SendQueued();
  void CompleteFinish();
  // Bytes that the kernel has taken and the peer has not acknowledged.
  int Unacknowledged() const;
  // Sends as much as the kernel takes; SIZE_MAX when the connection broke (End was called).
  size_t Send(std::span<const uint8_t> bytes);

  Loop& loop_;
  ConnectionEvents* events_;
  const IoCounters& io_;
  event* event_ = nullptr;
  std::unique_ptr<TlsStream> tls_;
  std::unique_ptr<Output> output_;
  std::unique_ptr<UnsentMark> unsent_mark_;  // of KeepFresh
  int fd_;
  int error_ = 0;
  uint32_t gathered_slot_ = WriteGatherer::kNone;
  uint32_t unwatched_slot_ = kNoSlot;  // of the loop's, until it watches this connection for hang-ups
  PauseReasons pauses_;
  bool unix_ = false;
  bool connecting_ = false;
  bool readable_ = false;    // an edge came while reading was paused, or more is left than one buffer
  bool peer_ended_ = false;  // the peer's FIN is known; read on until the end
  bool broken_ = false;      // by the peer, or by the network
  bool ended_ = false;       // OnEnd was called
  bool in_read_again_ = false;
  bool wants_write_ = false;
  bool over_high_ = false;
  bool finishing_ = false;   // FinishWriting was called
  bool finished_ = false;    // FIN has been sent
  bool deferring_ = false;   // DeferReading was called with more than one byte
  bool discarding_ = false;  // DiscardInput was called
};

}  // namespace sheaf::net
