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

void Session::Go(CloseHandshake::Next next, CloseReason reason) {
  switch (next) {
    case CloseHandshake::Next::kNothing:
      return;
    case CloseHandshake::Next::kAwait:
      return context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
    case CloseHandshake::Next::kSpread:
      // So that the clients do not all come back in the same moment.
      close_.Note(reason);
      connection_->PauseReading(PauseReason::kDraining);
      return context_.loop().SetDeadline(
          deadline_, std::chrono::duration_cast<Duration>(RandomFraction() * kSpreadOfLostSessions));
    case CloseHandshake::Next::kEnd:
      return Close(reason);
  }
}

void Session::OnClientClose(uint16_t code, std::string_view reason) {
  if (!close_.ClientSpoke(code)) return;
  if (stream_) stream_->SendClose(code, reason);
  Go(close_.AfterClient(stream_ != nullptr), close_.reason());
}

void Session::OnUpstreamClose(uint16_t code, std::string_view reason) {
  if (!close_.BackendSpoke(code)) return Close(close_.reason());
  FlushOutbox(FlushReason::kControl);
  SendClose(code, reason);
  Go(close_.AfterBackend(), close_.reason());
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
  close_.ClientFailed(reason);
  context_.loop().SetDeadline(deadline_, kLastAnswers);
}

void Session::OnEnd(net::ConnectionEnd /*end*/) {
  Close(close_.ClientLeft());
}

void Session::OnUpstreamEnd() {
  stream_.reset();
  Go(close_.BackendEnded(), CloseReason::kUpstreamClosed);
}

void Session::OnUpstreamClosed(CloseReason reason) {
  stream_.reset();
  Go(close_.BackendLost(reason), reason);
}

void Session::BeginClose(CloseReason reason) {
  if (outbox_) outbox_->CatchUp();
  if (closing() || !connection_) return;
  // A message of the backend that is half here ends first: part of it may have gone to the client.
  close_.Begin(reason, mid_message_ && stream_ != nullptr);
  FlushOutbox(FlushReason::kEnd);
  context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
  if (!close_.waits()) SendOwnClose();
}

// The Close that BeginClose promised, behind all that came before it.
void Session::SendOwnClose() {
  close_.StopWaiting();
  if (!connection_) return;
  FlushOutbox(FlushReason::kEnd);
  const CloseReasonRow& row = Describe(close_.reason());
  SendClose(row.websocket_code, row.text);
  context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
}

void Session::SendClose(uint16_t code, std::string_view reason) {
  if (!close_.TellClient(code)) return;
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
  if (close_.client_spoke()) return SendClose(close_.code(), "");
  const bool lost =
      close_.reason() == CloseReason::kUpstreamGone || close_.reason() == CloseReason::kUpstreamProtocolError;
  if (lost && route_.upstream_lost == UpstreamLost::kNone) return;
  const CloseReasonRow& row = Describe(close_.reason());
  if (row.websocket_code != 0) SendClose(row.websocket_code, row.text);
}

void Session::Close(CloseReason reason) {
  if (!connection_) return;
  close_.Note(reason);
  // Memory is what this was about: what a client does not read in time is not kept for it any longer.
  const bool unread = close_.reason() == CloseReason::kMemoryShed && connection_->queued() > 0 &&
                      (ReadsNothing() || InForce(ReliefStep::kShedByCost, context_.pressure()));
  const bool give_up = close_.client_left() || unread;
  if (!give_up && !IsDeaf(close_.reason())) FlushOutbox(FlushReason::kEnd);
  // In the middle of a frame that will not end now there is no place for a Close.
  if (!close_.told_client() && !mid_frame_) SendLastClose();
  context_.loop().CancelDeadline(deadline_);
  if (stream_) stream_->Close(reason);
  stream_.reset();
  if (outbox_) outbox_->Stop();  // it may be the caller: it dies with the session
  context_.metrics().websocket_sessions.Sub();
  context_.metrics().websocket_closes_total[close_.reason()].Add();
  context_.metrics().websocket_close_codes_total[CloseEndOf(close_.code(), close_.reason())].Add();
  context_.metrics().websocket_session_seconds.Observe(context_.loop().now() - started_);
  context_.metrics().client_closes_total[close_.reason()].Add();
  LogEnd();
  if (give_up) {
    connection_->Close();
    context_.home().ConnectionOver();
    context_.loop().graveyard().Retire(std::move(connection_));
  } else {
    // After both Closes the client has nothing more to send.
    context_.home().Linger(std::move(connection_),
                           {.may_shed = route_.shed, .peer_is_done = close_.client_spoke() && close_.told_client()});
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
                                      {"close_code", close_.code()},
                                      {"end", Describe(close_.reason()).label},
                                      {"user_agent", user_agent},
                                      {"request_id", request_id}}};
  size_t count = 15;
  if (!user.empty()) fields[count++] = {"user", user};
  if (!trace_id.empty()) fields[count++] = {"trace_id", trace_id};
  Log(LogKind::kAccess, LogLevel::kInfo, "access", std::span(fields).first(count));
}

}  // namespace sheaf
