#include "proxy/session.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

#include "proxy/base/random.h"
#include "proxy/route_plan.h"
#include "proxy/worker.h"

namespace sheaf {
namespace {

// The client does not read: what is queued would not reach it.
bool IsDeaf(CloseReason reason) {
  return reason == CloseReason::kClientTooSlow || reason == CloseReason::kClientStalled ||
         reason == CloseReason::kClientPingTimeout;
}

// So many pings a second are answered one by one.
constexpr uint32_t kPongsEach = 10;

std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Session::Session(Worker& worker, std::unique_ptr<net::Connection> connection,
                 std::unique_ptr<pool::UpstreamStream> stream, const RoutePlan& plan, const Negotiated& negotiated,
                 const SessionInfo& info)
    : worker_(worker),
      connection_(std::move(connection)),
      stream_(std::move(stream)),
      route_(plan.options),
      outbox_(MakeOutbox(worker, *this, plan, negotiated)),
      decoder_(wire::FrameSource::kClient, plan.frame_limits, negotiated.deflate.has_value()),
      deadline_(*this),
      started_(info.started),
      active_at_(worker.loop().now()),
      socket_io_(negotiated.socket_io) {
  sheds_ = route_.slow_client == SlowClient::kDropOldest ||
           (route_.slow_client == SlowClient::kConflate && plan.rules.conflate_rules() > 0);
  static_assert(sizeof(Session) <= 384, "an idle session's budget");
  if (negotiated.deflate) {
    client_window_bits_ = negotiated.deflate->client_window_bits;
    client_takeover_ = negotiated.deflate->client_takeover;
  }
  const std::array<const std::string*, 4> strings = {&info.client, &info.target, &info.request_id, &info.user_agent};
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
  worker_.metrics().websocket_sessions.Add();
  worker_.metrics().websocket_sessions_total.Add();
  if (route_.ping_interval.count() > 0) worker_.loop().SetDeadline(deadline_, route_.ping_interval);
  if (early.empty()) return;
  std::string copy(early);
  OnBytes({reinterpret_cast<uint8_t*>(copy.data()), copy.size()});
}

// ---- from the backend to the client

void Session::OnUpstreamMessage(const wire::FramePiece& piece) {
  // After our Close nothing may follow (RFC 6455 5.5.1).
  if (close_sent_) return;
  mid_message_ = !piece.ends_message;
  message_bytes_ = piece.starts_message ? piece.payload.size() : message_bytes_ + piece.payload.size();
  if (piece.ends_message) NoteMessage(message_bytes_);
  if (outbox_) {
    outbox_->Add(piece);
    if (client_full()) worker_.WatchGrowth();
    CheckHighMark();
  } else {
    WriteFrames(piece.wire, piece.ends_frame);
    OnSent(piece.ends_message ? 1 : 0, piece.payload.size(), piece.ends_frame ? 1 : 0);
  }
  if (close_waits_ && !mid_message_) SendOwnClose();
}

void Session::WriteFrames(std::span<const uint8_t> bytes, bool ends_frame) {
  if (!connection_) return;
  connection_->Write(bytes);
  mid_frame_ = !ends_frame;
  if (!mid_frame_ && waiting_control_) connection_->Write(*std::exchange(waiting_control_, nullptr));
}

void Session::OnSent(size_t messages, size_t bytes, size_t frames) {
  to_client_ += messages;
  bytes_to_client_ += bytes;
  frames_to_client_ += frames;
  worker_.metrics().messages_to_clients_total.Add(messages);
  worker_.metrics().message_bytes_to_clients_total.Add(bytes);
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
  if (outbox_ && !close_sent_) outbox_->Flush(reason);
}

// ---- a client that does not keep up

size_t Session::waiting() const {
  return connection_->queued() + (outbox_ ? outbox_->bytes() : 0);
}

void Session::CheckHighMark() {
  if (!connection_ || !connection_->full()) return;
  WatchForStall();
  const net::BufferMarks& marks = worker_.loop().marks();
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
  const bool large = message_bytes_ > worker_.loop().marks().high;
  if (large || close_reason_ != CloseReason::kNone) return PauseUpstream();
  Close(CloseReason::kClientTooSlow);
}

void Session::ObeyMarks() {
  const bool pauses = !sheds_ && route_.slow_client != SlowClient::kClose;
  if (pauses && connection_ && connection_->full() && waiting() > worker_.loop().marks().high) PauseUpstream();
}

void Session::PauseUpstream() {
  if (std::exchange(upstream_paused_, true)) return;
  worker_.metrics().backpressure_pauses_total[Side::kUpstream].Add();
  if (stream_) stream_->PauseReading(PauseReason::kPeerFull);
}

void Session::OnOutputDrained() {
  CheckLowMark();
}

void Session::OnOutputEmpty() {
  if (outbox_) {
    outbox_->OnClientReady();
    // Only what the kernel does not take of it waits.
    worker_.loop().FlushWrites();
  }
  CheckLowMark();
}

void Session::CheckLowMark() {
  if (!connection_ || !upstream_paused_ || waiting() > worker_.loop().marks().low) return;
  upstream_paused_ = false;
  if (stream_) stream_->ResumeReading(PauseReason::kPeerFull);
}

// From now on the client is looked at for stalling, too; a Close handshake has its own end.
void Session::WatchForStall() {
  if (std::exchange(watching_for_stall_, true) || close_reason_ != CloseReason::kNone) return;
  worker_.loop().SetDeadline(deadline_, worker_.options().timeouts.stall);
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
    if (inflated_ < worker_.loop().marks().high) continue;
    inflated_ = 0;
    worker_.loop().FlushWrites();
    if (connection_ && connection_->paused(PauseReason::kPeerFull)) {
      held_ = std::make_unique<std::vector<uint8_t>>(bytes.begin(), bytes.end());
      return;
    }
  }
  inflated_ = 0;
}

void Session::Take(std::span<uint8_t> bytes) {
  heard_ = true;
  std::string ping;     // a copy: the piece's payload ends with the next call
  bool pinged = false;  // `ping` waits for its answer
  while (connection_) {
    const wire::FramePiece piece = decoder_.Next(bytes);
    switch (piece.kind) {
      case wire::FramePiece::Kind::kNeedMore:
        if (pinged) OnClientPing(ping);
        return;
      case wire::FramePiece::Kind::kData:
        if (client_close_received_ || !stream_) break;
        PassOnToUpstream(piece);
        break;
      case wire::FramePiece::Kind::kPing:
        if (PingFlood()) return Close(CloseReason::kClientPingFlood);
        // Of many that come at once only the latest needs an answer (RFC 6455 5.5.3); some clients await each of a few.
        if (!pinged && pings_in_second_ <= kPongsEach) {
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
  if (piece.ends_message) NoteMessage(piece.starts_message ? size : SIZE_MAX);
  worker_.metrics().message_bytes_to_upstream_total.Add(size);
  if (!piece.ends_message) return;
  ++to_upstream_;
  worker_.metrics().messages_to_upstream_total.Add();
  if (outbox_) outbox_->OnClientMessage();
}

// The inflated size; nullopt when the session had to close.
std::optional<uint64_t> Session::Inflate(const wire::FramePiece& piece) {
  if (!inflater_) {
    inflater_ = client_takeover_ ? std::make_unique<ClientInflater>(client_window_bits_, true) : worker_.TakeInflater();
  }
  const uint64_t before = piece.starts_message ? 0 : inflater_->inflated();
  const wire::FrameError error = inflater_->Feed(piece, route_.max_message, *stream_, worker_.metrics());
  if (error != wire::FrameError::kNone) {
    OnClientError(error);
    return std::nullopt;
  }
  const uint64_t size = inflater_->inflated() - before;
  inflated_ += size;
  if (piece.ends_message && !client_takeover_) worker_.KeepInflater(std::move(inflater_));
  return size;
}

void Session::OnUpstreamBlocked() {
  worker_.metrics().backpressure_pauses_total[Side::kClient].Add();
  connection_->PauseReading(PauseReason::kPeerFull);
}

void Session::OnUpstreamDrained() {
  connection_->ResumeReading(PauseReason::kPeerFull);
  if (!held_) return;
  // It may fill up again at once: then what is left is held anew, before anything newer is read.
  const std::unique_ptr<std::vector<uint8_t>> held = std::move(held_);
  TakeCompressed(*held);
}

// ---- control frames

void Session::OnClientPing(std::string_view payload) {
  if (close_sent_ || client_close_received_) return;
  std::string pong;
  wire::AppendControlFrame(pong, wire::Opcode::kPong, payload);
  SendControl(std::move(pong));
}

bool Session::PingFlood() {
  const int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(worker_.loop().now().time_since_epoch()).count();
  if (second != ping_second_) {
    ping_second_ = second;
    pings_in_second_ = 0;
  }
  return ++pings_in_second_ > worker_.options().limits.max_ping_rate;
}

void Session::SendControl(std::string frame) {
  if (!mid_frame_) {
    connection_->Write(frame);
  } else if (waiting_control_) {
    waiting_control_->append(frame);
  } else {
    waiting_control_ = std::make_unique<std::string>(std::move(frame));
  }
}

void Session::OnDeadline(net::Deadline& /*deadline*/) {
  if (close_reason_ != CloseReason::kNone) return Close(close_reason_);
  CheckClient();
}

// Is the client still there, and does it read?
void Session::CheckClient() {
  const Duration stalled = connection_->StalledFor();
  const Duration stall_limit = worker_.options().timeouts.stall;
  if (stalled >= stall_limit) return Close(CloseReason::kClientStalled);
  Duration next = Duration::max();
  // A ping behind a queue waits as long as the queue does; such a client is watched for stalling instead.
  if (connection_->queued() > 0) heard_ = true;
  if (route_.ping_interval.count() > 0) {
    const Duration waited = worker_.loop().now() - ping_sent_;
    // While the backend takes nothing we do not read, and a Pong may lie unread. A dead client still shows when we
    // ping.
    const bool deaf = awaiting_pong_ && connection_->paused(PauseReason::kPeerFull);
    if (std::exchange(heard_, false) || deaf) {
      awaiting_pong_ = false;
    } else if (!awaiting_pong_) {
      std::string ping;
      wire::AppendControlFrame(ping, wire::Opcode::kPing, "sheaf");
      SendControl(std::move(ping));
      worker_.metrics().client_pings_total.Add();
      awaiting_pong_ = true;
      ping_sent_ = worker_.loop().now();
    } else if (waited >= route_.ping_timeout) {
      return Close(CloseReason::kClientPingTimeout);
    }
    next = route_.ping_interval;
    if (awaiting_pong_) next = route_.ping_timeout - (worker_.loop().now() - ping_sent_);
  }
  watching_for_stall_ = connection_->full();
  if (watching_for_stall_) next = std::min(next, stall_limit - stalled);
  if (next != Duration::max()) worker_.loop().SetDeadline(deadline_, next);
}

// ---- memory

// Of this size, in either direction.
void Session::NoteMessage(uint64_t bytes) {
  // Engine.IO's pings and pongs, which are messages to us: a client that gets nothing else is idle.
  if (socket_io_ && bytes == 1) return;
  const TimePoint now = worker_.loop().now();
  if (now - active_at_ < worker_.activity_grain()) return;
  active_at_ = now;
  worker_.MoveToNewest(*this);
}

// No message of the client's is half read.
bool Session::ClientIsWhole() const {
  return decoder_.at_message_boundary() && !held_;
}

// For longer than a client is given to answer a Close.
bool Session::ReadsNothing() const {
  return connection_->StalledFor() >= worker_.options().websocket.close_timeout;
}

bool Session::MayShed() const {
  if (!connection_ || closing() || !route_.shed) return false;
  return !mid_frame_ && !mid_message_ && ClientIsWhole();
}

bool Session::MayShedByCost() const {
  if (!connection_ || closing() || !route_.shed) return false;
  return MayShed() || (ClientIsWhole() && ReadsNothing());
}

void Session::Shed() {
  if (ReadsNothing()) return Close(CloseReason::kMemoryShed);
  BeginClose(CloseReason::kMemoryShed);
}

size_t Session::held_bytes() const {
  return waiting() + (outbox_ ? outbox_->context_bytes() : 0) + (held_ ? held_->capacity() : 0);
}

// A client's inflater is kept as long as the session, where that was agreed on.
size_t Session::memory() const {
  const size_t inflater = inflater_ ? wire::InflaterBytes(client_window_bits_) : 0;
  return kPlainBytes + (connection_ && connection_->is_tls() ? kTlsBytes : 0) + inflater + held_bytes();
}

size_t Session::FlushForMemory() {
  if (!outbox_ || client_full()) return 0;
  const size_t before = outbox_->bytes();
  FlushOutbox(FlushReason::kPressure);
  return outbox_ ? before - std::min(before, outbox_->bytes()) : before;
}

size_t Session::DropContext() {
  return outbox_ ? outbox_->DropContext() : 0;
}

// ---- the end

// A Close travels like a message, so each side sees the other's code and reason. The side that received it answers, and
// its answer travels back; when both have spoken, the session is over.
void Session::OnClientClose(uint16_t code, std::string_view reason) {
  if (std::exchange(client_close_received_, true)) return;
  if (close_code_ == 0) close_code_ = code;
  Note(CloseReason::kClientClosed);
  if (stream_) stream_->SendClose(code, reason);
  if (close_sent_ || !stream_) return Close(close_reason_);
  worker_.loop().SetDeadline(deadline_, worker_.options().websocket.close_timeout);
}

void Session::OnUpstreamClose(uint16_t code, std::string_view reason) {
  upstream_close_received_ = true;
  if (close_code_ == 0) close_code_ = code;
  Note(CloseReason::kUpstreamClosed);
  FlushOutbox(FlushReason::kControl);
  SendClose(code, reason);
  if (client_close_received_) return Close(close_reason_);
  worker_.loop().SetDeadline(deadline_, worker_.options().websocket.close_timeout);
}

void Session::OnClientError(wire::FrameError error) {
  switch (error) {
    case wire::FrameError::kBadUtf8:
      return Close(CloseReason::kClientBadUtf8);
    case wire::FrameError::kTooBig:
      return Close(CloseReason::kClientMessageTooBig);
    case wire::FrameError::kTooManyParts:
      return Close(CloseReason::kClientFragments);
    default:
      return Close(CloseReason::kClientProtocolError);
  }
}

void Session::OnEnd(net::ConnectionEnd /*end*/) {
  client_ended_ = true;
  // After both Closes the client may end its connection before we do.
  Close(client_close_received_ ? CloseReason::kClientClosed : CloseReason::kClientGone);
}

void Session::OnUpstreamEnd() {
  stream_.reset();
  // The backend has closed its connection after its Close; only the client's answer is still due.
  if (!upstream_close_received_ || client_close_received_) Close(CloseReason::kUpstreamClosed);
}

void Session::OnUpstreamClosed(CloseReason reason) {
  stream_.reset();
  // After its Close the backend may break off as it likes.
  if (upstream_close_received_ && !client_close_received_) return;
  if (client_close_received_ || close_sent_ || reason != CloseReason::kUpstreamGone) return Close(reason);
  // A backend that dies takes all its sessions with it. Their ends are spread, so that the clients do not all come back
  // in the same moment.
  Note(reason);
  connection_->PauseReading(PauseReason::kDraining);
  worker_.loop().SetDeadline(deadline_, std::chrono::duration_cast<Duration>(RandomFraction() * kSpreadOfLostSessions));
}

void Session::BeginClose(CloseReason reason) {
  if (outbox_) outbox_->CatchUp();
  if (closing() || !connection_) return;
  Note(reason);
  FlushOutbox(FlushReason::kEnd);
  worker_.loop().SetDeadline(deadline_, worker_.options().websocket.close_timeout);
  // A message of the backend that is half here ends first: part of it may have gone to the client.
  close_waits_ = mid_message_ && stream_ != nullptr;
  if (!close_waits_) SendOwnClose();
}

// The Close that BeginClose promised, behind all that came before it.
void Session::SendOwnClose() {
  close_waits_ = false;
  if (!connection_) return;
  FlushOutbox(FlushReason::kEnd);
  const CloseReasonRow& row = Describe(close_reason_);
  SendClose(row.websocket_code, row.text);
  worker_.loop().SetDeadline(deadline_, worker_.options().websocket.close_timeout);
}

void Session::Note(CloseReason reason) {
  if (close_reason_ == CloseReason::kNone) close_reason_ = reason;
}

void Session::SendClose(uint16_t code, std::string_view reason) {
  if (std::exchange(close_sent_, true)) return;
  if (close_code_ == 0) close_code_ = code;
  std::string frame;
  wire::AppendCloseFrame(frame, code, reason);
  SendControl(std::move(frame));
}

void Session::Close(CloseReason reason) {
  if (!connection_) return;
  Note(reason);
  const CloseReasonRow& row = Describe(close_reason_);
  // Memory is what this was about: what a client does not read in time is not kept for it any longer.
  const bool unread = close_reason_ == CloseReason::kMemoryShed && connection_->queued() > 0 &&
                      (ReadsNothing() || InForce(ReliefStep::kShedByCost, worker_.pressure()));
  const bool give_up = client_ended_ || unread;
  if (!give_up && !IsDeaf(close_reason_)) FlushOutbox(FlushReason::kEnd);
  // In the middle of a frame that will not end now there is no place for a Close.
  if (!close_sent_ && !mid_frame_ && row.websocket_code != 0) {
    SendClose(client_close_received_ ? close_code_ : row.websocket_code, client_close_received_ ? "" : row.text);
  }
  worker_.loop().CancelDeadline(deadline_);
  if (stream_) stream_->Close(reason);
  stream_.reset();
  if (outbox_) outbox_->Stop();  // it may be the caller: it dies with the session
  worker_.metrics().websocket_sessions.Sub();
  worker_.metrics().websocket_closes_total[close_reason_].Add();
  worker_.metrics().client_closes_total[close_reason_].Add();
  LogEnd();
  if (give_up) {
    connection_->Close();
    worker_.ConnectionOver();
    worker_.loop().graveyard().Retire(std::move(connection_));
  } else {
    worker_.Linger(std::move(connection_));
  }
  worker_.Retire(*this);
}

// Messages a frame towards the client.
std::string Session::BatchRatio() const {
  std::array<char, 32> text;
  const double ratio =
      frames_to_client_ == 0 ? 0.0 : static_cast<double>(to_client_) / static_cast<double>(frames_to_client_);
  std::snprintf(text.data(), text.size(), "%.2f", ratio);
  return text.data();
}

void Session::LogEnd() const {
  if (!worker_.options().log.access || !LogEnabled(LogLevel::kInfo)) return;
  std::array<std::string, 4> strings;
  const char* next = info_.get();
  for (std::string& one : strings) {
    one = next;
    next += one.size() + 1;
  }
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(worker_.loop().now() - started_);
  Log(LogLevel::kInfo, "access",
      {{"client", strings[0]},
       {"method", "GET"},
       {"target", strings[1]},
       {"protocol", "websocket"},
       {"status", "101"},
       {"duration_ms", std::to_string(duration.count())},
       {"messages_in", std::to_string(to_upstream_)},
       {"messages_out", std::to_string(to_client_)},
       {"bytes_in", std::to_string(bytes_to_upstream_)},
       {"bytes_out", std::to_string(bytes_to_client_)},
       {"batch_ratio", BatchRatio()},
       {"close_code", std::to_string(close_code_)},
       {"end", std::string(Describe(close_reason_).label)},
       {"user_agent", strings[3]},
       {"request_id", strings[2]}});
}

}  // namespace sheaf
