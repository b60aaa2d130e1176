#include "proxy/session.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "proxy/base/random.h"
#include "proxy/worker.h"

namespace sheaf {
namespace {

std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Session::Session(Worker& worker, std::unique_ptr<net::Connection> connection,
                 std::unique_ptr<pool::UpstreamStream> stream, const RouteOptions& route, const SessionInfo& info)
    : worker_(worker),
      connection_(std::move(connection)),
      stream_(std::move(stream)),
      route_(route),
      decoder_(wire::FrameSource::kClient, worker.frame_limits(route)),
      deadline_(*this),
      started_(info.started) {
  static_assert(sizeof(Session) <= 320, "an idle session's budget");
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
  // After our Close nothing may follow (RFC 6455 5.5.1), but a frame that is half sent must end before it.
  if (close_sent_ && !mid_frame_) return;
  connection_->Write(piece.wire);
  mid_frame_ = !piece.ends_frame;
  bytes_to_client_ += piece.payload.size();
  if (piece.ends_message) {
    ++to_client_;
    worker_.metrics().messages_to_clients_total.Add();
  }
  worker_.metrics().message_bytes_to_clients_total.Add(piece.payload.size());
  if (!mid_frame_ && waiting_control_) connection_->Write(*std::exchange(waiting_control_, nullptr));
}

void Session::OnOutputBlocked() {
  worker_.metrics().backpressure_pauses_total[Side::kUpstream].Add();
  if (stream_) stream_->PauseReading(PauseReason::kPeerFull);
  // From now on the client is looked at for stalling, too; a Close handshake has its own end.
  if (close_reason_ == CloseReason::kNone) worker_.loop().SetDeadline(deadline_, worker_.options().timeouts.stall);
}

void Session::OnOutputDrained() {
  if (stream_) stream_->ResumeReading(PauseReason::kPeerFull);
}

// ---- from the client to the backend

void Session::OnBytes(std::span<uint8_t> bytes) {
  heard_ = true;
  std::string ping;  // a copy: the piece's payload ends with the next call
  bool pinged = false;
  while (connection_) {
    const wire::FramePiece piece = decoder_.Next(bytes);
    switch (piece.kind) {
      case wire::FramePiece::Kind::kNeedMore:
        // Only the latest of several pings needs an answer (RFC 6455 5.5.3).
        if (pinged) OnClientPing(ping);
        return;
      case wire::FramePiece::Kind::kData:
        if (client_close_received_ || !stream_) break;
        stream_->SendMessage(piece);
        bytes_to_upstream_ += piece.payload.size();
        if (piece.ends_message) {
          ++to_upstream_;
          worker_.metrics().messages_to_upstream_total.Add();
        }
        worker_.metrics().message_bytes_to_upstream_total.Add(piece.payload.size());
        break;
      case wire::FramePiece::Kind::kPing:
        if (PingFlood()) return Close(CloseReason::kClientPingFlood);
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

void Session::OnUpstreamBlocked() {
  worker_.metrics().backpressure_pauses_total[Side::kClient].Add();
  connection_->PauseReading(PauseReason::kPeerFull);
}

void Session::OnUpstreamDrained() {
  connection_->ResumeReading(PauseReason::kPeerFull);
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
  if (connection_->blocked()) next = std::min(next, stall_limit - stalled);
  if (next != Duration::max()) worker_.loop().SetDeadline(deadline_, next);
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
  if (close_sent_ || !connection_) return;
  Note(reason);
  const CloseReasonRow& row = Describe(reason);
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
  // In the middle of a frame that will not end now there is no place for a Close.
  if (!close_sent_ && !mid_frame_ && row.websocket_code != 0) {
    SendClose(client_close_received_ ? close_code_ : row.websocket_code, client_close_received_ ? "" : row.text);
  }
  worker_.loop().CancelDeadline(deadline_);
  if (stream_) stream_->Close(reason);
  stream_.reset();
  worker_.metrics().websocket_sessions.Sub();
  worker_.metrics().websocket_closes_total[close_reason_].Add();
  worker_.metrics().client_closes_total[close_reason_].Add();
  LogEnd();
  if (client_ended_) {
    connection_->Close();
    worker_.ConnectionOver();
    worker_.loop().graveyard().Retire(std::move(connection_));
  } else {
    worker_.Linger(std::move(connection_));
  }
  worker_.Retire(*this);
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
       {"close_code", std::to_string(close_code_)},
       {"end", std::string(Describe(close_reason_).label)},
       {"user_agent", strings[3]},
       {"request_id", strings[2]}});
}

}  // namespace sheaf
