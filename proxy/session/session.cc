#include "proxy/session/session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "pool/endpoint.h"
#include "proxy/base/log.h"
#include "proxy/base/random.h"
#include "proxy/base/saturated.h"
#include "proxy/plan/context.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

Session::Session(WorkerContext& context, std::unique_ptr<net::Connection> connection,
                 std::unique_ptr<pool::SocketStream> stream, const RoutePlan& plan, const Negotiated& negotiated,
                 const SessionInfo& info)
    : context_(context),
      plan_(plan),
      connection_(std::move(connection)),
      stream_(std::move(stream)),
      outbox_(MakeOutbox(context, *this, *connection_, plan, negotiated)),
      input_(context, *this, *stream_, plan, negotiated),
      deadline_(*this),
      watch_(context.loop().now()),
      record_(info),
      active_at_(context.loop().now()),
      socket_io_(negotiated.socket_io) {
  static_assert(sizeof(Session) <= 360, "an idle session's budget");
}

Session::~Session() = default;

void Session::Start(std::string_view early) {
  connection_->SetEvents(*this);
  stream_->SetEvents(*this);
  if (!socket_io_ && outbox_->takes_runs()) stream_->AllowRuns();
  context_.metrics().websocket_sessions.Add();
  context_.metrics().websocket_sessions_opened_total.Add();
  SetNextLook();
  if (early.empty()) return;
  std::string copy(early);
  OnBytes({reinterpret_cast<uint8_t*>(copy.data()), copy.size()});
}

void Session::MoveTo(SessionState next) {
  if (state_ < next) state_ = next;
}

// ---- from the backend to the client

void Session::OnUpstreamMessage(const wire::FramePiece& piece) {
  if (closing()) return OnLateMessage(piece);
  if (piece.last && !(piece.first && IsEngineIoBeat(piece.payload.size()))) NoteActivity();
  WithMemory([&] { outbox_->Add(piece); });
}

// After our Close nothing may follow (RFC 6455 5.5.1).
void Session::OnLateMessage(const wire::MessagePart& part) {
  if (close_.told_client()) return;
  WithMemory([&] { outbox_->Add(part); });
  if (close_.waits() && !outbox_->amid_message()) SendOwnClose();
}

bool Session::Deliver(const batching::MessageRef& message, Urgency urgency) {
  if (closing()) return false;
  bool taken = false;
  WithMemory([&] { taken = outbox_->Deliver(message, urgency); });
  if (!taken || closed()) return false;
  NoteActivity();
  return true;
}

void Session::NoteActivity() {
  const TimePoint now = context_.loop().now();
  if (now - active_at_ < context_.activity_grain()) return;
  active_at_ = now;
  context_.home().MoveToNewest(*this);
}

void Session::OnUpstreamPing() {
  if (!outbox_->must_wait()) FlushOutbox(FlushReason::kControl);
}

void Session::FlushOutbox(FlushReason reason) {
  if (!close_.told_client()) outbox_->Flush(reason);
}

void Session::OnOutputEmpty() {
  watch_.MayAnswer(context_.loop().now());  // a ping in the queue has left now
  WithMemory([&] { outbox_->OnOutputEmpty(); });
}

void Session::OnOutputDrained() {
  WithMemory([&] { outbox_->OnOutputDrained(); });
}

// ---- what the outbox asks for

void Session::PauseUpstream() {
  if (stream_) stream_->PauseReading(PauseReason::kPeerFull);
}

void Session::ResumeUpstream() {
  if (stream_) stream_->ResumeReading(PauseReason::kPeerFull);
}

void Session::DeferUpstream(size_t bytes) {
  if (stream_) stream_->DeferReading(bytes);
}

void Session::ReadUpstream() {
  if (stream_) stream_->ReadNow();
}

// ---- from the client to the backend

void Session::OnBytes(std::span<uint8_t> bytes) {
  watch_.Heard(context_.loop().now());
  WithMemory([&] { input_.Take(bytes); });
}

void Session::OnClientMessage(size_t size) {
  if (closed() || IsEngineIoBeat(size)) return;
  NoteActivity();
  outbox_->OnClientMessage();
}

void Session::OnUpstreamBlocked() {
  CountSaturated(client_pauses_);
  context_.metrics().backpressure_pauses_total[Side::kClient].Add();
  connection_->PauseReading(PauseReason::kPeerFull);
}

void Session::OnUpstreamDrained() {
  connection_->ResumeReading(PauseReason::kPeerFull);
  watch_.MayAnswer(context_.loop().now());  // a Pong may lie there unread
  WithMemory([&] { input_.OnUpstreamDrained(); });
}

// ---- the watch

void Session::OnClientPing(std::string_view payload) {
  if (!close_.client_spoke()) outbox_->writer().SendPong(payload);
}

void Session::OnDeadline(net::Deadline& /*deadline*/) {
  if (closing()) return Close(close_.reason());
  CheckClient();
}

ClientWatch::View Session::ViewOfClient() const {
  const bool full = connection_->full();
  return {.full = full,
          .stalled = full ? connection_->StalledFor() : Duration::zero(),
          .unread = connection_->paused(PauseReason::kPeerFull),
          .ping_waits = outbox_->writer().ping_waits(),
          .ping_left_at = outbox_->writer().ping_written_at()};
}

ClientWatch::Limits Session::WatchLimits() const {
  return {.ping_interval = plan_->options.ping_interval,
          .ping_timeout = plan_->options.ping_timeout,
          .stall = context_.options().timeouts.stall};
}

void Session::CheckClient() {
  switch (watch_.Look(ViewOfClient(), WatchLimits(), context_.loop().now())) {
    case ClientWatch::Verdict::kStalled:
      return Close(CloseReason::kClientStalled);
    case ClientWatch::Verdict::kPingTimeout:
      return Close(CloseReason::kClientPingTimeout);
    case ClientWatch::Verdict::kSendPing:
      context_.metrics().client_pings_total.Add();
      WithMemory([&] { outbox_->writer().SendPing(); });
      break;
    case ClientWatch::Verdict::kFine:
      break;
  }
  if (!closing()) SetNextLook();
}

void Session::SetNextLook() {
  const Duration next = watch_.UntilNextLook(ViewOfClient(), WatchLimits(), context_.loop().now());
  if (next != Duration::max()) context_.loop().SetDeadline(deadline_, next);
}

// From now on the client is looked at for stalling, too; a Close handshake has its own end.
void Session::WatchForStall() {
  if (!watch_.watching_for_stall() && !closing()) SetNextLook();
}

// ---- the Close handshake

void Session::Go(CloseHandshake::Next next, CloseReason reason) {
  switch (next) {
    case CloseHandshake::Next::kNothing:
      return;
    case CloseHandshake::Next::kAwait:
      return context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
    case CloseHandshake::Next::kSpread:
      // So that the clients do not all come back in the same moment.
      close_.Note(reason);
      MoveTo(SessionState::kClosing);
      connection_->PauseReading(PauseReason::kDraining);
      return context_.loop().SetDeadline(
          deadline_, std::chrono::duration_cast<Duration>(RandomFraction() * kSpreadOfLostSessions));
    case CloseHandshake::Next::kEnd:
      return Close(reason);
  }
}

void Session::OnClientClose(uint16_t code, std::string_view reason) {
  if (!close_.ClientSpoke(code)) return;
  MoveTo(SessionState::kClosing);
  if (stream_) stream_->SendClose(code, reason);
  input_.EndUpstream();
  Go(close_.AfterClient(stream_ != nullptr), close_.reason());
}

void Session::OnUpstreamClose(uint16_t code, std::string_view reason) {
  if (!close_.BackendSpoke(code)) return Close(close_.reason());
  MoveTo(SessionState::kClosing);
  FlushOutbox(FlushReason::kControl);
  SendClose(code, reason);
  Go(close_.AfterBackend(), close_.reason());
}

// What the client sent before its error was in order. The backend's answers to it, which may be on their way, go first:
// all that comes before the backend has answered our Close.
void Session::OnClientError(CloseReason reason) {
  const CloseReasonRow& row = Describe(reason);
  const bool answers_come = stream_ && !closing() && stream_->SendClose(row.websocket_code, row.text);
  if (!answers_come) return Close(reason);
  close_.ClientFailed(reason);
  MoveTo(SessionState::kClosing);
  input_.Stop();
  context_.loop().SetDeadline(deadline_, kLastAnswers);
}

void Session::OnEnd(net::ConnectionEnd /*end*/) {
  Close(close_.ClientLeft());
}

void Session::OnUpstreamEnd() {
  DropStream();
  Go(close_.BackendEnded(), CloseReason::kUpstreamClosed);
}

void Session::OnUpstreamClosed(CloseReason reason) {
  DropStream();
  Go(close_.BackendLost(reason), reason);
}

// The stream may be the caller.
void Session::DropStream() {
  input_.EndUpstream();
  context_.loop().graveyard().Retire(std::move(stream_));
}

void Session::BeginClose(CloseReason reason, const CloseWords* words) {
  outbox_->CatchUp();
  if (closing()) return;
  if (words != nullptr) WithMemory([&] { words_ = std::make_unique<const CloseWords>(*words); });
  if (closing()) return;
  // A message of the backend that is half here ends first: part of it may have gone to the client.
  close_.Begin(reason, outbox_->amid_message() && stream_ != nullptr);
  MoveTo(SessionState::kClosing);
  FlushOutbox(FlushReason::kEnd);
  context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
  if (!close_.waits()) SendOwnClose();
}

// The Close that BeginClose promised, behind all that came before it.
void Session::SendOwnClose() {
  close_.StopWaiting();
  if (closed()) return;
  FlushOutbox(FlushReason::kEnd);
  SendReason();
  context_.loop().SetDeadline(deadline_, context_.options().websocket.close_timeout);
}

void Session::SendReason() {
  const CloseReasonRow& row = Describe(close_.reason());
  words_ ? SendClose(words_->code, words_->text) : SendClose(row.websocket_code, row.text);
}

void Session::SendClose(uint16_t code, std::string_view reason) {
  if (close_.TellClient(code)) outbox_->writer().SendClose(code, reason);
}

void Session::GiveUp(CloseReason reason) {
  const CloseReasonRow& row = Describe(reason);
  if (stream_) stream_->SendClose(row.websocket_code, row.text);
  Close(reason);
}

// ---- the end

// The Close of an end that nobody answers any more, if the reason has one.
void Session::SendLastClose() {
  if (close_.client_spoke()) return SendClose(close_.code(), "");
  const bool lost =
      close_.reason() == CloseReason::kUpstreamGone || close_.reason() == CloseReason::kUpstreamProtocolError;
  if (lost && plan_->options.upstream_lost == UpstreamLost::kNone) return;
  if (Describe(close_.reason()).websocket_code != 0) SendReason();
}

bool Session::GivesUpWhatWaits() const {
  if (close_.client_left()) return true;
  if (close_.reason() != CloseReason::kMemoryShed || connection_->queued() == 0) return false;
  return ReadsNothing() || InForce(ReliefStep::kShedByCost, context_.pressure());
}

// What is still due to the client, as far as there is memory for it.
void Session::SayTheRest(bool flush) {
  try {
    if (flush) FlushOutbox(FlushReason::kEnd);
    // In the middle of a frame that will not end now there is no place for a Close.
    if (!close_.told_client() && !outbox_->writer().mid_frame()) SendLastClose();
  } catch (const std::bad_alloc&) {
    // The connection ends without it.
  }
}

void Session::Close(CloseReason reason) noexcept {
  if (closed()) return;
  close_.Note(reason);
  const bool give_up = GivesUpWhatWaits();
  MoveTo(SessionState::kClosed);
  SayTheRest(!give_up && !Describe(close_.reason()).deaf);
  context_.loop().CancelDeadline(deadline_);
  if (stream_) stream_->Close(reason);
  DropStream();
  input_.Stop();
  outbox_->Stop();
  CountEnd();
  if (give_up) {
    connection_->Close();
    context_.home().ConnectionOver();
    context_.loop().graveyard().Retire(std::move(connection_));
  } else {
    // After both Closes the client has nothing more to send.
    context_.home().Linger(std::move(connection_), {.may_shed = plan_->options.shed,
                                                    .peer_is_done = close_.client_spoke() && close_.told_client()});
  }
  context_.home().Retire(*this);
}

void Session::CountEnd() const {
  WorkerMetrics& metrics = context_.metrics();
  metrics.websocket_sessions.Sub();
  metrics.websocket_closes_total[close_.reason()].Add();
  metrics.websocket_close_codes_total[CloseEndOf(close_.code(), close_.reason())].Add();
  metrics.websocket_session_seconds.Observe(context_.loop().now() - record_.started());
  metrics.client_closes_total[close_.reason()].Add();
  if (!context_.options().log.access || !LogEnabled(LogLevel::kInfo)) return;
  const Outbox::Sent& sent = outbox_->sent();
  record_.Log(id_,
              {.messages_in = input_.messages(),
               .messages_out = sent.messages,
               .bytes_in = input_.bytes(),
               .bytes_out = sent.bytes,
               .frames_out = sent.frames,
               .close_code = close_.code(),
               .reason = close_.reason()},
              context_.loop().now());
}

// ---- relief from memory pressure (proxy/base/pressure.h)

// For longer than a client is given to answer a Close.
bool Session::ReadsNothing() const {
  return StalledFor() >= context_.options().websocket.close_timeout;
}

bool Session::leaving() const {
  if (plan_->removed()) return true;
  return endpoint() != nullptr && endpoint()->leaving();
}

bool Session::MayShed() const {
  if (closing() || !plan_->options.shed) return false;
  return !outbox_->writer().mid_frame() && !outbox_->amid_message() && input_.whole();
}

bool Session::MayShedByCost() const {
  if (closing() || !plan_->options.shed) return false;
  if (MayShed()) return true;
  return input_.whole() && ReadsNothing();
}

void Session::Shed() {
  if (ReadsNothing()) return Close(CloseReason::kMemoryShed);
  BeginClose(CloseReason::kMemoryShed);
}

size_t Session::cost() const {
  return outbox_->waiting() + outbox_->partial() + outbox_->parked() + outbox_->context_bytes() + input_.held();
}

size_t Session::memory() const {
  const size_t tls = connection_ && connection_->is_tls() ? kTlsBytes : 0;
  return kPlainBytes + tls + input_.inflater_bytes() + cost();
}

size_t Session::FlushGathered(FlushReason reason) {
  if (outbox_->must_wait()) return 0;
  const size_t before = outbox_->gathered();
  FlushOutbox(reason);
  return before - std::min(before, outbox_->gathered());
}

size_t Session::FlushForOperator() {
  outbox_->CatchUp();
  return closing() ? 0 : FlushGathered(FlushReason::kOperator);
}

}  // namespace sheaf
