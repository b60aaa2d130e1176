// The reading half of a client: frames in, messages on their way to the backend. Checks, limits floods, inflates what
// is compressed, and says what the client sent besides messages.
//
// The data path reads downwards in client_input.cc, in calling order. Part of a session; one thread only. Amid nothing
// it holds no heap memory. Any call may close the session, through ClientInputEvents; none destroys anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pool/socket_stream.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/base/token_bucket.h"
#include "proxy/plan/negotiation.h"
#include "proxy/session/client_inflater.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {

class WorkerContext;
class RoutePlan;

// What comes of it besides messages for the backend.
class ClientInputEvents {
 public:
  // A message has gone to the backend, or a run of them. `size`: its payload's bytes; SIZE_MAX for one that came in
  // several parts.
  virtual void OnClientMessage(size_t size) = 0;
  virtual void OnClientPing(std::string_view payload) = 0;
  virtual void OnClientClose(uint16_t code, std::string_view reason) = 0;
  // The client broke the protocol or a limit: of what it sent before, all has gone to the backend.
  virtual void OnClientError(CloseReason reason) = 0;
  // The client cannot be borne with any longer: the session ends now.
  virtual void Close(CloseReason reason) = 0;
  // The backend takes no more at the moment: what is written waits here.
  virtual bool upstream_full() const = 0;

 protected:
  ~ClientInputEvents() = default;
};

class ClientInput {
 public:
  ClientInput(WorkerContext& context, ClientInputEvents& events, pool::SocketStream& stream, const RoutePlan& plan,
              const Negotiated& negotiated);
  ClientInput(const ClientInput&) = delete;
  ClientInput& operator=(const ClientInput&) = delete;
  ~ClientInput();

  void Take(std::span<uint8_t> bytes) { window_bits_ == 0 ? TakePieces(bytes) : TakeCompressed(bytes); }
  // The backend takes bytes again: what is held goes on.
  void OnUpstreamDrained();

  // No message goes to the backend any more. The stream may be gone.
  void EndUpstream() { stream_ = nullptr; }
  // Nothing is taken any more.
  void Stop() { stopped_ = true; }

  // Of the client's messages none is half read.
  bool whole() const { return decoder_.at_message_boundary() && !held_; }
  uint64_t messages() const { return messages_; }  // that have gone to the backend
  uint64_t bytes() const { return bytes_; }        // of their payload, inflated
  // What is held from the client, and what an inflater takes amid a message.
  size_t held() const { return held_ ? held_->capacity() : 0; }
  size_t inflater_bytes() const { return inflater_ ? wire::InflaterBytes(window_bits_) : 0; }

 private:
  static constexpr size_t kSlice = 1024;

  void TakeCompressed(std::span<uint8_t> bytes);
  void TakePieces(std::span<uint8_t> bytes);
  void PassOn(const wire::FramePiece& piece);
  std::optional<uint64_t> Inflate(const wire::FramePiece& piece);
  void Fail(wire::FrameError error);
  TokenBucket::Size ping_bucket() const;
  bool TakePing();
  bool TakeTinyFragment();

  WorkerContext& context_;
  ClientInputEvents& events_;
  pool::SocketStream* stream_;  // nullptr: what the client sends is dropped
  wire::FrameDecoder decoder_;
  std::unique_ptr<ClientInflater> inflater_;    // amid a compressed message
  std::unique_ptr<std::vector<uint8_t>> held_;  // read and not yet taken, since the backend was full
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  TokenBucket pings_;
  TokenBucket tiny_fragments_;
  uint8_t window_bits_ = 0;  // of the client's compression; 0: none
  bool runs_ = false;        // nothing is to be known of a single message
  bool stopped_ = false;
};

}  // namespace sheaf
