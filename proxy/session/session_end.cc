// How a session ends, and what the log says of it.
#include <array>
#include <chrono>
#include <span>
#include <utility>
#include <vector>

#include "proxy/base/random.h"
#include "proxy/plan/context.h"
#include "proxy/session/session.h"

namespace sheaf {
namespace {

// The client does not read: what is queued would not reach it.
bool IsDeaf(CloseReason reason) {
  return reason == CloseReason::kClientTooSlow || reason == CloseReason::kClientStalled ||
         reason == CloseReason::kClientPingTimeout;
}

}  // namespace

// A Close travels like a message, so each side sees the other's code and reason. The side that received it answers, and
// its answer travels back; when both have spoken, the session is over.
void Session::OnClientClose(uint16_t code, std::string_view reason) {
  if (std::exchange(client_close_received_, true)) return;
  if (close_code_ == 0) close_code_ = code;
  Note(CloseReason::kClientClosed);
  if (stream_) stream_->SendClose(code, reason);
  if (close_sent_ || !stream_) return Close(close_reason_);
  context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
}

void Session::OnUpstreamClose(uint16_t code, std::string_view reason) {
  upstream_close_received_ = true;
  if (client_failed_) return Close(close_reason_);
  if (close_code_ == 0) close_code_ = code;
  Note(CloseReason::kUpstreamClosed);
  FlushOutbox(FlushReason::kControl);
  SendClose(code, reason);
  if (client_close_received_) return Close(close_reason_);
  context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
}

void Session::OnClientError(wire::FrameError error) {
  switch (error) {
    case wire::FrameError::kBadUtf8:
      return Fail(CloseReason::kClientBadUtf8);
    case wire::FrameError::kTooBig:
      return Fail(CloseReason::kClientMessageTooBig);
    case wire::FrameError::kTooManyParts:
      return Fail(CloseReason::kClientFragments);
    default:
      return Fail(CloseReason::kClientProtocolError);
  }
}

// What the client sent before its error was in order. The backend's answers to it, which may be on their way, go first:
// all that comes before the backend has answered our Close.
void Session::Fail(CloseReason reason) {
  const CloseReasonRow& row = Describe(reason);
  const bool answers_come = stream_ && !closing() && stream_->SendClose(row.websocket_code, row.text);
  if (!answers_come) return Close(reason);
  Note(reason);
  client_failed_ = true;
  context_.loop().SetDeadline(deadline_, kLastAnswers);
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
  if (client_close_received_ || client_failed_ || close_sent_ || reason != CloseReason::kUpstreamGone) {
    return Close(reason);
  }
  // A backend that dies takes all its sessions with it. Their ends are spread, so that the clients do not all come back
  // in the same moment.
  Note(reason);
  connection_->PauseReading(PauseReason::kDraining);
  context_.loop().SetDeadline(deadline_,
                              std::chrono::duration_cast<Duration>(RandomFraction() * kSpreadOfLostSessions));
}

void Session::BeginClose(CloseReason reason) {
  if (outbox_) outbox_->CatchUp();
  if (closing() || !connection_) return;
  Note(reason);
  FlushOutbox(FlushReason::kEnd);
  context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
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
  context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
}

void Session::Note(CloseReason reason) {
  if (close_reason_ == CloseReason::kNone) close_reason_ = reason;
}

void Session::SendClose(uint16_t code, std::string_view reason) {
  if (std::exchange(close_sent_, true)) return;
  if (close_code_ == 0) close_code_ = code;
  std::string frame;
  wire::AppendCloseFrame(frame, code, reason);
  connection_->Write(frame);
}

void Session::GiveUp(CloseReason reason) {
  const CloseReasonRow& row = Describe(reason);
  if (stream_) stream_->SendClose(row.websocket_code, row.text);
  Close(reason);
}

// The Close of an end that nobody answers any more, if the reason has one.
void Session::SendLastClose() {
  if (client_close_received_) return SendClose(close_code_, "");
  const bool lost = close_reason_ == CloseReason::kUpstreamGone || close_reason_ == CloseReason::kUpstreamProtocolError;
  if (lost && route_.upstream_lost == UpstreamLost::kNone) return;
  const CloseReasonRow& row = Describe(close_reason_);
  if (row.websocket_code != 0) SendClose(row.websocket_code, row.text);
}

void Session::Close(CloseReason reason) {
  if (!connection_) return;
  Note(reason);
  // Memory is what this was about: what a client does not read in time is not kept for it any longer.
  const bool unread = close_reason_ == CloseReason::kMemoryShed && connection_->queued() > 0 &&
                      (ReadsNothing() || InForce(ReliefStep::kShedByCost, context_.pressure()));
  const bool give_up = client_ended_ || unread;
  if (!give_up && !IsDeaf(close_reason_)) FlushOutbox(FlushReason::kEnd);
  // In the middle of a frame that will not end now there is no place for a Close.
  if (!close_sent_ && !mid_frame_) SendLastClose();
  context_.loop().CancelDeadline(deadline_);
  if (stream_) stream_->Close(reason);
  stream_.reset();
  if (outbox_) outbox_->Stop();  // it may be the caller: it dies with the session
  context_.metrics().websocket_sessions.Sub();
  context_.metrics().websocket_closes_total[close_reason_].Add();
  context_.metrics().websocket_close_codes_total[CloseEndOf(close_code_, close_reason_)].Add();
  context_.metrics().websocket_session_seconds.Observe(context_.loop().now() - started_);
  context_.metrics().client_closes_total[close_reason_].Add();
  LogEnd();
  if (give_up) {
    connection_->Close();
    context_.home().ConnectionOver();
    context_.loop().graveyard().Retire(std::move(connection_));
  } else {
    // After both Closes the client has nothing more to send.
    context_.home().Linger(std::move(connection_),
                           {.may_shed = route_.shed, .peer_is_done = client_close_received_ && close_sent_});
  }
  context_.home().Retire(*this);
}

// ---- the log

// Messages a frame towards the client.
LogValue Session::BatchRatio() const {
  const auto frames = static_cast<double>(frames_to_client_);
  return LogValue::Decimal(frames == 0 ? 0.0 : static_cast<double>(to_client_) / frames, 2);
}

void Session::LogEnd() const {
  if (!context_.options().log.access || !LogEnabled(LogLevel::kInfo)) return;
  std::array<std::string_view, kInfoStrings> strings;
  const char* next = info_.get();
  for (std::string_view& one : strings) {
    one = next;
    next += one.size() + 1;
  }
  const auto& [client, target, request_id, user_agent, user, trace_id] = strings;
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(context_.loop().now() - started_);
  std::array<LogField, 17> fields = {{{"client", client},
                                      {"method", "GET"},
                                      {"target", target},
                                      {"protocol", "websocket"},
                                      {"status", 101},
                                      {"duration_ms", duration.count()},
                                      {"messages_in", to_upstream_},
                                      {"messages_out", to_client_},
                                      {"bytes_in", bytes_to_upstream_},
                                      {"bytes_out", bytes_to_client_},
                                      {"batch_ratio", BatchRatio()},
                                      {"close_code", close_code_},
                                      {"end", Describe(close_reason_).label},
                                      {"user_agent", user_agent},
                                      {"request_id", request_id}}};
  size_t count = 15;
  if (!user.empty()) fields[count++] = {"user", user};
  if (!trace_id.empty()) fields[count++] = {"trace_id", trace_id};
  Log(LogKind::kAccess, LogLevel::kInfo, "access", std::span(fields).first(count));
}

}  // namespace sheaf
