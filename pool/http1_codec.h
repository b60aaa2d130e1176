// HTTP/1.1 on an upstream connection (RFC 9112): requests and their responses, one after another, and the opening
// handshake of a WebSocket, after whose valid 101 a TunnelCodec stands in its place.
//
// Owned by an UpstreamLink; one thread only. Nothing is held between two requests.
#pragma once

#include <memory>
#include <string>

#include "pool/codec.h"
#include "pool/upgrade.h"
#include "proxy/base/option_table.h"
#include "proxy/wire/http1.h"

namespace sheaf::pool {

// What a backend's head may have. The names of its fields are its own affair.
wire::HeadLimits ResponseHeadLimits(const Options::Limits& limits);

class Http1Codec final : public RequestCodec {
 public:
  // `limits` must outlive the codec. `head`: scratch of the worker, shared by all codecs.
  Http1Codec(CodecHost& host, const wire::HeadLimits& limits, wire::ResponseHead& head);

  void Attach(PooledStream& stream) override;
  void Detach(PooledStream& stream, CloseReason reason) override;
  void SendBody(PooledStream& stream, std::string_view data) override;
  void FinishBody(PooledStream& stream) override;
  void PauseReading(PooledStream& stream, PauseReason reason) override;
  void ResumeReading(PooledStream& stream, PauseReason reason) override;
  size_t Untaken(const PooledStream& stream) const override;

  Verdict OnBytes(std::span<uint8_t>& bytes) override;
  Verdict OnEnd() override;
  CloseReason lost() const override;
  void Finish() override;
  void Lose(CloseReason reason) override;
  void OnUpstreamBlocked() override;
  void OnUpstreamDrained() override;
  void ReportFault(std::string_view upstream, CloseReason reason) const override;

  // Why it broke; without a cause where the verdict says all.
  Fault fault() const { return fault_ ? *fault_ : Fault(); }
  // No byte of the response has come yet.
  bool untouched() const { return !response_begun_; }

  // A part of a request's body, and its end, framed as `kind` says.
  static void AppendBody(std::string& out, wire::BodyKind kind, std::string_view data);
  static void AppendBodyEnd(std::string& out, wire::BodyKind kind);

  // The status that the present WebSocket handshake must not have (RFC 6455 4.1): a refusal is passed on, but a success
  // that is no upgrade would leave the client's handshake hanging between two protocols.
  static bool IsRefusal(int status) { return status >= 300 && status != 426; }

 private:
  Verdict TakeHead(std::span<uint8_t>& bytes);
  Verdict OnHead();
  Verdict OnSwitch();
  Verdict TakeBody(std::span<uint8_t>& bytes);
  Verdict Complete(bool clean);
  Verdict Break(std::string_view cause, std::string_view seen);
  void SendHead(const Upgrade& upgrade);
  // Parts from the stream, which is served no more, and returns it.
  PooledStream& Leave();

  CodecHost& host_;
  const wire::HeadLimits& limits_;
  wire::ResponseHead& head_;
  PooledStream* stream_ = nullptr;  // nullptr once it is over, which any callback may bring about
  wire::HeadScanner scanner_;
  wire::BodyDecoder body_;
  std::string partial_;     // a head that is split over several reads
  std::string head_bytes_;  // and when it is complete: what the parsed head's views point into
  std::unique_ptr<Fault> fault_;
  bool response_begun_ = false;
  bool head_done_ = false;
  bool keep_alive_ = true;
  bool request_finished_ = false;
};

}  // namespace sheaf::pool
