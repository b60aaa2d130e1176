// One HTTP/1.1 request and its response on an upstream connection (RFC 9112), or the opening handshake of a WebSocket,
// after whose valid 101 the link goes on with a TunnelCodec.
//
// Owned by an UpstreamLink; one thread only.
#pragma once

#include <memory>
#include <string>

#include "pool/codec.h"
#include "proxy/base/option_table.h"
#include "proxy/wire/http1.h"

namespace sheaf::pool {

// What a backend's head may have. The names of its fields are its own affair.
wire::HeadLimits ResponseHeadLimits(const Options::Limits& limits);

class Http1Codec final : public Codec {
 public:
  // `request` and `limits` must outlive the codec. Nothing is sent before Start. `head`: scratch of the worker, shared
  // by all codecs.
  Http1Codec(CodecHost& host, const UpstreamRequest& request, const wire::HeadLimits& limits, wire::ResponseHead& head);

  // Sends the request's head.
  void Start();

  Verdict OnBytes(std::span<uint8_t>& bytes) override;
  Verdict OnEnd() override;
  void SendBody(std::string_view data) override;
  void FinishBody() override;
  Fault fault() const override { return fault_ ? *fault_ : Fault(); }
  bool untouched() const override { return !response_begun_; }
  bool finishes_in_order() const override { return false; }

  // A part of a request's body, and its end, framed as `kind` says.
  static void AppendBody(std::string& out, wire::BodyKind kind, std::string_view data);
  static void AppendBodyEnd(std::string& out, wire::BodyKind kind);

  // The status that the present WebSocket handshake must not have (RFC 6455 4.1): a refusal is passed on, but a success
  // that is no upgrade would leave the client's handshake hanging between two protocols.
  static bool IsRefusal(int status) { return status >= 300 && status != 426; }

 private:
  Verdict TakeHead(std::span<uint8_t>& bytes);
  Verdict OnHead();
  Verdict TakeBody(std::span<uint8_t>& bytes);
  Verdict Complete(bool clean);
  Verdict Break(std::string_view cause, std::string_view seen);

  CodecHost& host_;
  const UpstreamRequest& request_;
  const wire::HeadLimits& limits_;
  wire::ResponseHead& head_;
  wire::HeadScanner scanner_;
  wire::BodyDecoder body_;
  std::string partial_;     // a head that is split over several reads
  std::string head_bytes_;  // and when it is complete: what the parsed head's views point into
  std::unique_ptr<Fault> fault_;
  bool response_begun_ = false;
  bool head_done_ = false;
  bool keep_alive_ = true;
  bool request_finished_;
};

}  // namespace sheaf::pool
