#include "proxy/http/client.h"

#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/http/error_answer.h"
#include "proxy/http/request_start.h"
#include "proxy/plan/context.h"
#include "proxy/wire/trace_context.h"

namespace sheaf {

Client::Client(WorkerContext& context, const Peer& peer) : context_(context), deadline_(*this), peer_(peer) {}

Client::~Client() = default;

bool Client::Start(int fd, const net::TlsContext* tls) {
  connection_ = net::Connection::Accept(context_.loop(), fd, tls, context_.client_io(), *this, peer_.is_unix);
  if (!connection_) return false;
  if (tls != nullptr) {
    AwaitHandshake();
  } else {
    AwaitRequest();
  }
  return true;
}

void Client::TakeOver(std::unique_ptr<net::Connection> connection, const net::TlsContext* tls,
                      std::span<uint8_t> received) {
  connection_ = std::move(connection);
  connection_->SetEvents(*this);
  if (tls != nullptr) {
    AwaitHandshake();
    if (!connection_->BeginTls(*tls, received)) Close(CloseReason::kOutOfMemory);
    return;
  }
  AwaitRequest();
  if (!received.empty()) OnBytes(received);
}

void Client::AwaitHandshake() {
  state_ = State::kTlsHandshake;
  context_.loop().SetDeadline(deadline_, context_.options().timeouts.handshake);
}

void Client::OnConnected() {
  context_.metrics().tls_handshakes_total.Add();
  if (connection_->tls_resumed()) context_.metrics().tls_resumptions_total.Add();
  AwaitRequest();
}

// A new connection owes its first head within timeouts.head; a kept one may be silent for timeouts.idle.
void Client::AwaitRequest() {
  const bool first = state_ != State::kExchange;
  state_ = State::kIdle;
  scanner_.Reset();
  const Options::Timeouts& timeouts = context_.options().timeouts;
  context_.loop().SetDeadline(deadline_, first ? timeouts.head : timeouts.idle);
}

void Client::OnBytes(std::span<uint8_t> bytes) {
  heard_at_ = context_.loop().now();
  std::string_view input = AsText(bytes);
  if (held_.empty()) {
    Process(input);
    Hold(input);
  } else {
    Hold(input);
    ProcessHeld();
  }
}

void Client::Hold(std::string_view bytes) {
  if (state_ == State::kClosed || bytes.empty()) return;
  held_.append(bytes);
  if (held_.size() >= MostHeld()) connection_->PauseReading(PauseReason::kExchangeActive);
}

// A head that has not ended by then is refused, so that none waits for bytes that are not read.
size_t Client::MostHeld() const {
  return std::max(kMaxHeld, context_.head_limits().max_head + 1);
}

void Client::ProcessHeld() {
  if (held_.empty() || processing_) return;
  std::string bytes = std::exchange(held_, std::string());
  std::string_view input(bytes);
  Process(input);
  if (state_ == State::kClosed) return;
  // What is not taken stays in its place: a head that comes byte by byte must not be copied with each of them.
  held_ = input.size() == bytes.size() ? std::move(bytes) : std::string(input);
  if (held_.size() < MostHeld()) connection_->ResumeReading(PauseReason::kExchangeActive);
  if (peer_ended_ && !OwesAnswers()) EndWithClient();
}

// Takes as much from the front of `input` as can be dealt with now.
void Client::Process(std::string_view& input) {
  processing_ = true;
  while (!input.empty() && state_ != State::kClosed) {
    if (state_ == State::kExchange) {
      if (body_.complete()) break;
      TakeBody(input);
    } else if (connection_->blocked() || !TakeHead(input)) {  // no new response on top of unread ones
      break;
    }
  }
  processing_ = false;
}

// False when the head is not complete, or the connection is over.
bool Client::TakeHead(std::string_view& input) {
  if (state_ == State::kIdle) {
    input.remove_prefix(wire::SkippableEmptyLines(input));
    if (input.empty() || input == "\r") return false;
    state_ = State::kHead;
    context_.loop().SetDeadline(deadline_, context_.options().timeouts.head);
  }
  switch (scanner_.Scan(input, context_.head_limits())) {
    case wire::HeadScanner::Verdict::kNeedMore:
      return false;
    case wire::HeadScanner::Verdict::kRefuse:
      Refuse(scanner_.reason(), nullptr);
      return false;
    case wire::HeadScanner::Verdict::kComplete:
      break;
  }
  wire::RequestHead& request = context_.request_head();
  const std::string_view head = input.substr(0, scanner_.head_size());
  input.remove_prefix(scanner_.head_size());
  scanner_.Reset();
  if (const auto refusal = wire::ParseRequestHead(head, context_.head_limits(), request)) {
    Refuse(*refusal, &request);
    return false;
  }
  StartRequest();
  return state_ != State::kClosed;
}

ClientInfo Client::InfoOfClient() const {
  const Trust trust = peer_.anonymous ? Trust::kNone : context_.trusted_proxies().TrustOf(peer_.ip);
  return {peer_.Host(), connection_->is_tls(), trust, peer_.port};
}

// The request is in the context, whose views end with this call.
void Client::StartRequest() {
  RemoveForgedNames(context_);
  const wire::RequestHead& request = context_.request_head();
  std::optional<std::string> target = TargetOf(request);
  if (!target) return Refuse(RefuseReason::kBadTarget, &request);
  const RoutePlan& plan = RouteOf(context_, *target);
  const RouteOptions& route = plan.options;
  may_shed_ = route.shed;
  if (const auto refusal = Admit(context_, request, *target, route)) return Refuse(*refusal, &request, &plan);
  if (request.wants_websocket && peer_ended_) return EndWithClient();

  const ClientInfo client = InfoOfClient();
  // Whom a balancer does not name is nobody that could be trusted by a line in the file.
  if (!peer_.anonymous && HasUntrustedClaims(request, client, context_.forwarding())) {
    context_.OnUntrustedClaims(peer_.ip);
  }
  ExchangeInfo info = InfoOf(context_, request, peer_, client, *target, route);
  negotiated_ = NegotiateFor(context_, request, *target, route);
  Exchange& exchange = MakeExchange(plan, std::move(info));
  const std::string& id = exchange.info().request_id;
  Placing placing = PlaceRequest(context_, request, *target, exchange.info().client, plan);
  if (negotiated_) {
    exchange.Start(UpgradeFor(context_, request, client, *target, plan, id), std::move(placing));
  } else {
    exchange.Start(HttpRequestFor(context_, request, client, *target, plan, id), std::move(placing));
  }
  if (body_.complete()) exchange.OnRequestEnd();
}

Exchange& Client::MakeExchange(const RoutePlan& plan, ExchangeInfo info) {
  const wire::RequestHead& request = context_.request_head();
  state_ = State::kExchange;
  served_ = true;
  body_.Reset(request.body, request.content_length);
  body_bytes_ = 0;
  context_.metrics().http_requests_active.Add();
  exchange_ = std::make_unique<Exchange>(context_, *this, plan, std::move(info));
  context_.loop().CancelDeadline(deadline_);
  return *exchange_;
}

void Client::TakeBody(std::string_view& input) {
  const wire::BodyDecoder::Step step = body_.Next(input);
  switch (step.verdict) {
    case wire::BodyDecoder::Verdict::kNeedMore:
      return;
    case wire::BodyDecoder::Verdict::kData:
      body_bytes_ += step.data.size();
      if (const uint64_t most = exchange_->plan().options.max_body; most != 0 && body_bytes_ > most) {
        return OnExchangeRefused(RefuseReason::kBodyTooLarge);
      }
      exchange_->OnRequestBody(step.data);
      break;
    case wire::BodyDecoder::Verdict::kComplete:
      break;
    case wire::BodyDecoder::Verdict::kRefuse:
      OnExchangeRefused(body_.reason());
      return;
  }
  if (body_.complete()) exchange_->OnRequestEnd();
}

void Client::OnOutputBlocked() {
  if (exchange_) exchange_->OnClientBlocked();
}

void Client::OnOutputDrained() {
  if (exchange_) return exchange_->OnClientDrained();
  if (!held_.empty()) context_.home().ProcessSoon(*this);
}

void Client::OnEnd(net::ConnectionEnd end) {
  if (end == net::ConnectionEnd::kTlsFailed) {
    if (state_ == State::kTlsHandshake) context_.metrics().tls_failures_total.Add();
    Log(LogLevel::kInfo, "TLS with a client failed",
        {{"client", peer_.Name()}, {"error", connection_->TlsErrorText()}});
    return Close(CloseReason::kClientTlsError);
  }
  if (end != net::ConnectionEnd::kEof) return Close(CloseReason::kClientGone);
  peer_ended_ = true;
  if (!OwesAnswers()) return EndWithClient();
  if (!HalfCloses()) return Close(CloseReason::kClientGone);
  connection_->ProbePeer();
}

bool Client::OwesAnswers() const {
  if (state_ == State::kExchange) return body_.complete();
  return !held_.empty() && (connection_->blocked() || soon_hook_.linked());
}

bool Client::HalfCloses() const {
  if (exchange_ && negotiated_) return false;  // a WebSocket is of use in both directions only
  return HoldsMore() || context_.loop().now() - heard_at_ < kHalfCloseWithin;
}

// The client will send no more, and is owed nothing but what is queued.
void Client::EndWithClient() {
  if (exchange_ || !served_ || connection_->queued() == 0) return Close(CloseReason::kClientGone);
  Finish(CloseReason::kClientGone, true);
}

void Client::OnDeadline(net::Deadline& /*deadline*/) {
  switch (state_) {
    case State::kTlsHandshake:
      context_.metrics().tls_failures_total.Add();
      return Close(CloseReason::kClientTimeout);
    case State::kIdle:
      // The last response is still on its way to a slow reader.
      if (const Duration stalled = connection_->StalledFor(), limit = context_.options().timeouts.stall;
          connection_->queued() > 0 && stalled < limit) {
        return context_.loop().SetDeadline(deadline_, limit - stalled);
      }
      return Close(CloseReason::kClientIdle);
    case State::kHead:
      return Refuse(RefuseReason::kHeadTimeout, nullptr);
    case State::kExchange:
    case State::kClosed:
      return;
  }
}

void Client::DropExchange() {
  if (!exchange_) return;
  context_.metrics().http_requests_active.Sub();
  context_.loop().graveyard().Retire(std::move(exchange_));
}

void Client::OnUpstreamBlocked() {
  connection_->PauseReading(PauseReason::kPeerFull);
}

void Client::OnUpstreamDrained() {
  connection_->ResumeReading(PauseReason::kPeerFull);
}

void Client::OnExchangeDone(bool close) {
  // The client asked for the close itself, and nothing of it is on its way.
  const bool asked = !exchange_->info().keep_alive && body_.kind() == wire::BodyKind::kNone && held_.empty();
  const bool client_is_done = asked || peer_ended_;
  DropExchange();
  connection_->ResumeReading(PauseReason::kPeerFull);  // the backend may have answered without taking the body
  if (close || context_.draining()) return Finish(CloseReason::kDone, client_is_done);
  AwaitRequest();
  if (held_.empty() && peer_ended_) return Finish(CloseReason::kDone, client_is_done);
  // Not from within the backend's callback that brought us here.
  if (!held_.empty() && !processing_) context_.home().ProcessSoon(*this);
}

void Client::OnExchangeRefused(RefuseReason reason) {
  const ExchangeInfo& info = exchange_->info();
  if (exchange_->response_begun()) {
    exchange_->LogRefused(reason);
    exchange_->Cancel(CloseReason::kRefused);
    return OnExchangeBroken(CloseReason::kRefused);
  }
  // A request that was received whole leaves the connection in order.
  const bool close =
      !body_.complete() || !info.keep_alive || info.minor_version == 0 || IsLastRequest() || context_.draining();
  LogRefusal(reason, info.method, info.target, info.request_id, info.trace_id);
  exchange_->LogRefused(reason);
  exchange_->Cancel(CloseReason::kRefused);
  Answer(reason, info.request_id, info.wants_html, info.method == "HEAD", close);
  OnExchangeDone(close);
}

void Client::OnExchangeBroken(CloseReason reason) {
  // Where the connection's end is the response's end, an orderly end would make a fragment look whole.
  if (exchange_->framing() == Framing::kUntilClose) connection_->Abort();
  DropExchange();
  if (connection_->closed()) return Close(reason);
  if (reason == CloseReason::kClientStalled) return Close(reason);  // it reads nothing, so there is nothing to wait for
  Finish(reason);
}

void Client::OnExchangeUpgraded(const wire::ResponseHead& head, std::unique_ptr<pool::SocketStream> socket) {
  const ExchangeInfo& info = exchange_->info();
  const ForwardingRules& rules = context_.forwarding();
  connection_->Write(BuildSwitchingProtocols(head, *negotiated_, info.request_id, rules.user_header));
  const std::string_view told = UserOf(head, rules);
  const pool::Endpoint* const endpoint = exchange_->plan().upstream->several() ? socket->endpoint() : nullptr;
  const SessionInfo session{.client = info.client,
                            .target = info.target.substr(0, kMaxLogValue),
                            .request_id = info.request_id,
                            .user_agent = info.user_agent,
                            .user = told.empty() ? info.user : std::string(told),
                            .trace_id = info.trace_id,
                            .upstream = endpoint != nullptr ? endpoint->name() : "",
                            .started = context_.loop().now()};
  const std::string held = std::exchange(held_, std::string());
  const RoutePlanRef plan(exchange_->plan());
  connection_->ResumeReading(PauseReason::kExchangeActive);
  DropExchange();
  state_ = State::kClosed;
  context_.loop().CancelDeadline(deadline_);
  context_.home().StartSession(std::move(connection_), std::move(socket), *plan, *negotiated_, session, held);
  context_.home().Retire(*this);
}

void Client::Refuse(RefuseReason reason, const wire::RequestHead* request, const RoutePlan* route) {
  AnswerRefusal(reason, request, route);
  Finish(CloseReason::kRefused);
}

void Client::AnswerRefusal(RefuseReason reason, const wire::RequestHead* request, const RoutePlan* route) {
  const bool known = request != nullptr && !request->method.empty();
  const std::string request_id = known ? RequestIdFor(*request, InfoOfClient()) : NewRequestId();
  LogRefusal(reason, known ? request->method : "", known ? ShownTargetOf(context_, *request) : "", request_id,
             known ? wire::TraceId(*request) : "");
  WorkerMetrics& metrics = context_.metrics();
  auto& requests = route == nullptr ? metrics.unrouted : route->counters.route->requests;
  requests[StatusClassOf(Describe(reason).status)].Add();
  Answer(reason, request_id, known && WantsHtml(*request), known && request->method == "HEAD", true);
}

void Client::LogRefusal(RefuseReason reason, std::string_view method, std::string_view target,
                        std::string_view request_id, std::string_view trace_id) const {
  const LogField fields[] = {{"reject", Describe(reason).label},
                             {"status", Describe(reason).status},
                             {"client", peer_.Name()},
                             {"method", method},
                             {"target", target},
                             {"request_id", request_id},
                             {"trace_id", trace_id}};
  Log(LogLevel::kInfo, "request refused", std::span(fields).first(trace_id.empty() ? 6 : 7));
}

void Client::Answer(RefuseReason reason, std::string_view request_id, bool html, bool head_request, bool close) {
  context_.metrics().refusals_total[reason].Add();
  connection_->Write(BuildErrorAnswer(
      {.reason = reason, .request_id = request_id, .html = html, .head_request = head_request, .close = close}));
}

void Client::RefuseConnection(RefuseReason reason, bool may_linger) {
  // Over TLS nothing can be said before the handshake, which is the very work that there is no room for.
  if (connection_->is_tls()) return Close(CloseReason::kOverloaded);
  if (may_linger) return Refuse(reason, nullptr);
  AnswerRefusal(reason, nullptr, nullptr);
  connection_->CloseAfterLastWords();
  Close(CloseReason::kRefused);
}

void Client::Drain() {
  // A request that has begun is served, and its response says that the connection closes.
  if (state_ != State::kIdle && state_ != State::kTlsHandshake) return;
  if (served_) return Close(CloseReason::kDrain);
  // The client was accepted a moment ago, and its first request is most likely on its way.
  context_.loop().SetDeadline(deadline_, kFirstRequestWhileDraining);
}

bool Client::MayShedByCost() const {
  return state_ != State::kClosed && connection_->queued() > 0 && may_shed_;
}

void Client::Shed() {
  if (state_ == State::kClosed) return;
  connection_->Abort();
  Close(CloseReason::kMemoryShed);
}

void Client::Finish(CloseReason reason, bool client_is_done) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  context_.loop().CancelDeadline(deadline_);
  context_.metrics().client_closes_total[reason].Add();
  context_.home().Linger(std::move(connection_), {.may_shed = may_shed_, .peer_is_done = client_is_done});
  context_.home().Retire(*this);
}

void Client::Close(CloseReason reason) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  context_.loop().CancelDeadline(deadline_);
  context_.metrics().client_closes_total[reason].Add();
  if (exchange_) {
    exchange_->Cancel(reason);
    DropExchange();
  }
  connection_->Close();
  context_.home().ConnectionOver();
  context_.home().Retire(*this);
}

}  // namespace sheaf
