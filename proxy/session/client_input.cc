#include "proxy/session/client_input.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/plan/context.h"
#include "proxy/plan/route_plan.h"
#include "proxy/session/inflater_store.h"

namespace sheaf {
namespace {

// So many pings at once are answered one by one.
constexpr uint32_t kPongsEach = 10;

// A client that streams a message in small pieces may be ahead of its rate by so many seconds.
constexpr uint32_t kTinyFragmentSeconds = 10;

}  // namespace

ClientInput::ClientInput(WorkerContext& context, ClientInputEvents& events, pool::SocketStream& stream,
                         const RoutePlan& plan, const Negotiated& negotiated)
    : context_(context),
      events_(events),
      stream_(&stream),
      decoder_(wire::FrameSource::kClient, plan.client_limits, negotiated.deflate.has_value()),
      window_bits_(negotiated.deflate ? negotiated.deflate->client_window_bits : uint8_t{0}),
      runs_(!negotiated.socket_io) {}

ClientInput::~ClientInput() = default;

// In slices: a kilobyte may inflate to a megabyte, and the backend must be able to stop that.
void ClientInput::TakeCompressed(std::span<uint8_t> bytes) {
  uint64_t asked_at = bytes_;  // whether the backend is full
  while (!bytes.empty() && !stopped_) {
    const std::span<uint8_t> slice = bytes.first(std::min(bytes.size(), kSlice));
    bytes = bytes.subspan(slice.size());
    TakePieces(slice);
    if (bytes_ - asked_at < context_.loop().marks().high) continue;
    asked_at = bytes_;
    context_.loop().FlushWrites();
    if (!stopped_ && events_.upstream_full()) {
      held_ = std::make_unique<std::vector<uint8_t>>(bytes.begin(), bytes.end());
      return;
    }
  }
}

void ClientInput::TakePieces(std::span<uint8_t> bytes) {
  std::string ping;     // a copy: the piece's payload ends with the next call
  bool pinged = false;  // `ping` waits for its answer
  while (!stopped_) {
    const wire::FramePiece piece = runs_ ? decoder_.NextRun(bytes) : decoder_.Next(bytes);
    switch (piece.kind) {
      case wire::FramePiece::Kind::kNeedMore:
        if (pinged) events_.OnClientPing(ping);
        return;
      case wire::FramePiece::Kind::kData:
        if (stream_ == nullptr) break;
        if (piece.tiny_fragment && !TakeTinyFragment()) return events_.OnClientError(CloseReason::kClientTinyFragments);
        PassOn(piece);
        break;
      case wire::FramePiece::Kind::kPing:
        if (!TakePing()) return events_.Close(CloseReason::kClientPingFlood);
        // Of many that come at once only the latest needs an answer (RFC 6455 5.5.3); some clients await each of a few.
        if (!pinged && pings_.missing(context_.loop().now(), ping_bucket()) <= kPongsEach) {
          events_.OnClientPing(AsText(piece.payload));
          break;
        }
        pinged = true;
        ping.assign(AsText(piece.payload));
        break;
      case wire::FramePiece::Kind::kPong:
        break;
      case wire::FramePiece::Kind::kClose:
        return events_.OnClientClose(piece.close_code, AsText(piece.payload));
      case wire::FramePiece::Kind::kError:
        return Fail(piece.error);
    }
  }
}

void ClientInput::PassOn(const wire::FramePiece& piece) {
  uint64_t size = piece.bytes();
  if (!piece.compressed) {
    stream_->SendMessage(piece);
  } else if (const auto inflated = Inflate(piece)) {
    size = *inflated;
  } else {
    return;
  }
  bytes_ += size;
  context_.metrics().message_bytes_to_upstream_total.Add(size);
  if (!piece.last) return;
  messages_ += piece.messages();
  context_.metrics().messages_to_upstream_total.Add(piece.messages());
  events_.OnClientMessage(piece.first ? size : SIZE_MAX);
}

// The inflated size; nullopt when the message could not be.
std::optional<uint64_t> ClientInput::Inflate(const wire::FramePiece& piece) {
  if (!inflater_) inflater_ = context_.inflaters().Take();
  const uint64_t before = piece.first ? 0 : inflater_->inflated();
  const wire::FrameError error = inflater_->Feed(piece, decoder_.limits().max_message, *stream_, context_.metrics());
  if (error != wire::FrameError::kNone) {
    Fail(error);
    return std::nullopt;
  }
  const uint64_t size = inflater_->inflated() - before;
  if (piece.last) context_.inflaters().Keep(std::move(inflater_));
  return size;
}

void ClientInput::Fail(wire::FrameError error) {
  switch (error) {
    case wire::FrameError::kBadUtf8:
      return events_.OnClientError(CloseReason::kClientBadUtf8);
    case wire::FrameError::kTooBig:
      return events_.OnClientError(CloseReason::kClientMessageTooBig);
    case wire::FrameError::kTooManyParts:
      return events_.OnClientError(CloseReason::kClientFragments);
    default:
      return events_.OnClientError(CloseReason::kClientProtocolError);
  }
}

// ---- floods

TokenBucket::Size ClientInput::ping_bucket() const {
  const uint32_t rate = context_.options().limits.max_ping_rate;
  return {.rate = rate, .burst = rate};
}

bool ClientInput::TakePing() {
  return pings_.Take(context_.loop().now(), ping_bucket());
}

// How many fragments a message has is the client's affair; but a flood of them costs work here, and memory at backends
// that gather them, while hardly a byte of limits.max_message is used.
bool ClientInput::TakeTinyFragment() {
  const uint32_t rate = context_.options().limits.max_tiny_fragment_rate;
  return tiny_fragments_.Take(context_.loop().now(), {.rate = rate, .burst = rate * kTinyFragmentSeconds});
}

// ---- the backend was full

void ClientInput::OnUpstreamDrained() {
  if (!held_) return;
  // The backend may be full again at once: then what is left is held anew, before anything newer is read.
  const std::unique_ptr<std::vector<uint8_t>> held = std::move(held_);
  TakeCompressed(*held);
}

}  // namespace sheaf
