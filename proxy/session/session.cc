#include "proxy/session/session.h"

#include <algorithm>
#include <array>
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

Session::Session(WorkerContext& context, std::unique_ptr<net::Connection> connection,
                 std::unique_ptr<pool::UpstreamStream> stream, const RoutePlan& plan, const Negotiated& negotiated,
                 const SessionInfo& info)
    : context_(context),
      connection_(std::move(connection)),
      stream_(std::move(stream)),
      route_(plan.options),
      outbox_(MakeOutbox(context, *this, plan, negotiated)),
      decoder_(wire::FrameSource::kClient, plan.client_limits, negotiated.deflate.has_value()),
      deadline_(*this),
      started_(info.started),
      heard_at_(context.loop().now()),
      active_at_(context.loop().now()),
      socket_io_(negotiated.socket_io) {
  sheds_ = route_.slow_client == SlowClient::kDropOldest ||
           (route_.slow_client == SlowClient::kConflate && plan.rules.conflate_rules() > 0);
  static_assert(sizeof(Session) <= 384, "an idle session's budget");
  if (negotiated.deflate) {
    client_window_bits_ = negotiated.deflate->client_window_bits;
  }
  const std::array<const std::string*, kInfoStrings> strings = {&info.client,     &info.target, &info.request_id,
                                                                &info.user_agent, &info.user,   &info.trace_id};
  size_t size = 0;
  for (const std::string* one : strings) size += one->size() + 1;
  info_ = std::make_unique<char[]>(size);
  char* end = info_.get();
  for (const std::string* one : strings) end = std::copy_n(one->c_str(), one->size() + 1, end);
}

Session::~Session() = default;

void Session::Start(std::string_view early) {
  connection_->SetEvents(*this);
  stream_->SetEvents(*this);
  context_.metrics().websocket_sessions.Add();
  context_.metrics().websocket_sessions_opened_total.Add();
  SetNextLook();
  if (early.empty()) return;
  std::string copy(early);
  OnBytes({reinterpret_cast<uint8_t*>(copy.data()), copy.size()});
}

// ---- from the backend to the client

void Session::OnUpstreamMessage(const wire::FramePiece& piece) {
  // After our Close nothing may follow (RFC 6455 5.5.1).
  if (close_.told_client()) return;
  mid_message_ = !piece.last;
  message_bytes_ = piece.first ? piece.payload.size() : message_bytes_ + piece.payload.size();
  if (piece.last) NoteMessage(message_bytes_);
  if (outbox_) {
    outbox_->Add(piece);
    if (client_full() || GathersLarge()) context_.home().WatchGrowth();
    CheckHighMark();
  } else {
    WriteFrames(piece.wire, piece.ends_frame);
    OnSent(piece.last ? 1 : 0, piece.payload.size(), piece.ends_frame ? 1 : 0);
  }
  if (close_.waits() && !mid_message_) SendOwnClose();
}

// Of this size, in either direction.
void Session::NoteMessage(uint64_t bytes) {
  if (IsEngineIoBeat(bytes)) return;  // a client that gets nothing else is idle
  const TimePoint now = context_.loop().now();
  if (now - active_at_ < context_.activity_grain()) return;
  active_at_ = now;
  context_.home().MoveToNewest(*this);
}

void Session::WriteFrames(std::span<const uint8_t> bytes, bool ends_frame) {
  if (!connection_) return;
  connection_->Write(bytes);
  mid_frame_ = !ends_frame;
  // Also while the client is full: frames may follow each other for long before its queue is empty.
  if (!mid_frame_ && waiting_control_) WriteWaitingControl();
}

void Session::OnSent(size_t messages, size_t bytes, size_t frames) {
  to_client_ += messages;
  bytes_to_client_ += bytes;
  frames_to_client_ += frames;
  context_.metrics().messages_to_clients_total.Add(messages);
  context_.metrics().message_bytes_to_clients_total.Add(bytes);
}

void Session::DeferUpstream(size_t bytes) {
  if (stream_) stream_->DeferReading(bytes);
}

void Session::ReadUpstream() {
  if (stream_) stream_->ReadDeferred();
}

void Session::OnUpstreamPing() {
  if (!client_full()) FlushOutbox(FlushReason::kControl);
}

void Session::FlushOutbox(FlushReason reason) {
  if (outbox_ && !close_.told_client()) outbox_->Flush(reason);
}

// ---- a client that does not keep up

size_t Session::waiting() const {
  return connection_->queued() + (outbox_ ? outbox_->bytes() : 0);
}

bool Session::GathersLarge() const {
  return mid_message_ && outbox_ && !outbox_->passing_on() && outbox_->partial_bytes() > context_.loop().marks().high;
}

void Session::CheckHighMark() {
  if (!connection_ || !connection_->full()) return;
  WatchForStall();
  // Nobody waits for its end meanwhile; reading goes on when the client takes something.
  if (GathersLarge()) PauseUpstream();
  const net::BufferMarks& marks = context_.loop().marks();
  if (waiting() <= marks.stop()) return;
  if (route_.slow_client == SlowClient::kClose) return CloseTooSlow();
  if (!sheds_) return PauseUpstream();
  // What is in the connection cannot be dropped any more, and little joins it while it is full (what overtakes, parts
  // of large messages). Of what is newer, some is kept in any case.
  const uint64_t room = marks.high - std::min<uint64_t>(connection_->queued(), marks.high);
  if (route_.slow_client == SlowClient::kDropOldest) outbox_->DropDownTo(std::max(room, marks.low));
  const bool overfull = connection_->queued() > 2 * marks.high + kBurst;
  if (outbox_->bytes() > marks.high || outbox_->passing_on() || overfull) PauseUpstream();
}

// What was passed on, or is too large to be gathered, waits in the connection itself.
void Session::OnOutputBlocked() {
  WatchForStall();
  if (route_.slow_client == SlowClient::kClose) return CloseTooSlow();
  if (!sheds_ || outbox_->passing_on()) PauseUpstream();
}

// Not for one large message on its way, which any client takes time to read.
void Session::CloseTooSlow() {
  const bool large = message_bytes_ > context_.loop().marks().high;
  if (large || closing()) return PauseUpstream();
  Close(CloseReason::kClientTooSlow);
}

void Session::ObeyMarks() {
  const bool pauses = !sheds_ && route_.slow_client != SlowClient::kClose;
  if (!connection_ || !connection_->full()) return;
  if (GathersLarge() || (pauses && waiting() > context_.loop().marks().high)) PauseUpstream();
}

void Session::PauseUpstream() {
  if (std::exchange(upstream_paused_, true)) return;
  context_.metrics().backpressure_pauses_total[Side::kUpstream].Add();
  if (stream_) stream_->PauseReading(PauseReason::kPeerFull);
}

void Session::OnOutputDrained() {
  WriteWaitingControl();
  CheckLowMark();
}

void Session::OnOutputEmpty() {
  if (awaiting_pong_) ping_at_ = context_.loop().now();  // a ping in the queue has left now
  WriteWaitingControl();
  if (outbox_) {
    outbox_->OnClientReady();
    // Only what the kernel does not take of it waits.
    context_.loop().FlushWrites();
  }
  CheckLowMark();
}

void Session::CheckLowMark() {
  if (!connection_ || !upstream_paused_ || waiting() > context_.loop().marks().low) return;
  upstream_paused_ = false;
  if (stream_) stream_->ResumeReading(PauseReason::kPeerFull);
}

// From now on the client is looked at for stalling, too; a Close handshake has its own end.
void Session::WatchForStall() {
  if (watching_for_stall_ || closing()) return;
  SetNextLook();
}

// ---- from the client to the backend

void Session::OnBytes(std::span<uint8_t> bytes) {
  if (client_window_bits_ == 0) return Take(bytes);
  TakeCompressed(bytes);
}

// In slices: a kilobyte may inflate to a megabyte, and the backend must be able to stop that.
void Session::TakeCompressed(std::span<uint8_t> bytes) {
  while (!bytes.empty() && connection_) {
    const std::span<uint8_t> slice = bytes.first(std::min(bytes.size(), kSlice));
    bytes = bytes.subspan(slice.size());
    Take(slice);
    if (inflated_ < context_.loop().marks().high) continue;
    inflated_ = 0;
    context_.loop().FlushWrites();
    if (connection_ && connection_->paused(PauseReason::kPeerFull)) {
      held_ = std::make_unique<std::vector<uint8_t>>(bytes.begin(), bytes.end());
      return;
    }
  }
  inflated_ = 0;
}

void Session::Take(std::span<uint8_t> bytes) {
  heard_at_ = context_.loop().now();
  awaiting_pong_ = false;
  std::string ping;     // a copy: the piece's payload ends with the next call
  bool pinged = false;  // `ping` waits for its answer
  while (connection_ && !close_.client_failed()) {
    const wire::FramePiece piece = decoder_.Next(bytes);
    switch (piece.kind) {
      case wire::FramePiece::Kind::kNeedMore:
        if (pinged) OnClientPing(ping);
        return;
      case wire::FramePiece::Kind::kData:
        if (close_.client_spoke() || !stream_) break;
        if (piece.tiny_fragment && !TakeTinyFragment()) return Fail(CloseReason::kClientTinyFragments);
        PassOnToUpstream(piece);
        break;
      case wire::FramePiece::Kind::kPing:
        if (!TakePing()) return Close(CloseReason::kClientPingFlood);
        // Of many that come at once only the latest needs an answer (RFC 6455 5.5.3); some clients await each of a few.
        if (!pinged && pings_.missing(context_.loop().now(), ping_bucket()) <= kPongsEach) {
          OnClientPing(AsText(piece.payload));
          break;
        }
        pinged = true;
        ping.assign(AsText(piece.payload));
        break;
      case wire::FramePiece::Kind::kPong:
        break;
      case wire::FramePiece::Kind::kClose:
        return OnClientClose(piece.close_code, AsText(piece.payload));
      case wire::FramePiece::Kind::kError:
        return OnClientError(piece.error);
    }
  }
}

// How many fragments a message has is the client's affair; but a flood of them costs work here, and memory at backends
// that gather them, while hardly a byte of limits.max_message is used.
bool Session::TakeTinyFragment() {
  const uint32_t rate = context_.options().limits.max_tiny_fragment_rate;
  return tiny_fragments_.Take(context_.loop().now(), {.rate = rate, .burst = rate * kTinyFragmentSeconds});
}

void Session::PassOnToUpstream(const wire::FramePiece& piece) {
  uint64_t size = piece.payload.size();
  if (!piece.compressed) {
    stream_->SendMessage(piece);
  } else if (const auto inflated = Inflate(piece)) {
    size = *inflated;
  } else {
    return;
  }
  bytes_to_upstream_ += size;
  context_.metrics().message_bytes_to_upstream_total.Add(size);
  if (!piece.last) return;
  if (!piece.first) size = SIZE_MAX;
  NoteMessage(size);
  ++to_upstream_;
  context_.metrics().messages_to_upstream_total.Add();
  // An Engine.IO pong asks for nothing.
  if (outbox_ && !IsEngineIoBeat(size)) outbox_->OnClientMessage();
}

// The inflated size; nullopt when the session had to close.
std::optional<uint64_t> Session::Inflate(const wire::FramePiece& piece) {
  if (!inflater_) inflater_ = context_.inflaters().Take();
  const uint64_t before = piece.first ? 0 : inflater_->inflated();
  const wire::FrameError error = inflater_->Feed(piece, route_.max_message, *stream_, context_.metrics());
  if (error != wire::FrameError::kNone) {
    OnClientError(error);
    return std::nullopt;
  }
  const uint64_t size = inflater_->inflated() - before;
  inflated_ += size;
  if (piece.last) context_.inflaters().Keep(std::move(inflater_));
  return size;
}

void Session::OnUpstreamBlocked() {
  context_.metrics().backpressure_pauses_total[Side::kClient].Add();
  connection_->PauseReading(PauseReason::kPeerFull);
}

void Session::OnUpstreamDrained() {
  connection_->ResumeReading(PauseReason::kPeerFull);
  ping_at_ = context_.loop().now();  // a Pong may lie there unread
  if (!held_) return;
  // It may fill up again at once: then what is left is held anew, before anything newer is read.
  const std::unique_ptr<std::vector<uint8_t>> held = std::move(held_);
  TakeCompressed(*held);
}

}  // namespace sheaf
