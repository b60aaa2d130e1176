#include "pool/mux_link.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "pool/endpoint_pool.h"
#include "pool/mux_opening.h"
#include "pool/pooled_stream.h"
#include "proxy/base/events.h"
#include "proxy/base/log.h"
#include "proxy/wire/mux_writer.h"

namespace sheaf::pool {

using wire::MuxFault;
using wire::MuxType;

namespace {

// Numbers for messages that came for several sessions, of all links of the process: in one worker's stores no two may
// be the same.
std::atomic<uint64_t> broadcasts{0};

}  // namespace

MuxLink::MuxLink(EndpointPool& pool, MuxLinkEvents& events, WorkerMetrics& metrics)
    : pool_(pool),
      events_(events),
      metrics_(metrics),
      output_(*this, metrics),
      reader_(*this),
      created_(pool.loop().now()),
      unused_since_(created_),
      heard_at_(created_) {
  metrics_.mux_links[MuxLinkState::kOpening].Add();
}

MuxLink::~MuxLink() {
  handshake_.reset();  // which may wait in the pool's line, and the pool ends, too
  if (!over_) End(CloseReason::kDone);
}

void MuxLink::MoveTo(MuxLinkState state) {
  metrics_.mux_links[state_].Sub();
  state_ = state;
  metrics_.mux_links[state_].Add();
}

// ---- coming about

void MuxLink::OnUpstreamHead(const wire::ResponseHead& head) {
  if (head.status >= 200) refused_ = head.status;
}

void MuxLink::OnUpstreamOpen(const wire::ResponseHead& head, std::unique_ptr<SocketStream> socket) {
  pool_.loop().graveyard().Retire(std::move(handshake_));
  SocketEvents& events = *this;
  socket_ = std::move(socket);
  socket_->SetEvents(events);
  if (head.Find("Sec-WebSocket-Protocol") != wire::kMuxSubprotocol) {
    socket_->SendClose(1000, "");
    return Fail(MuxFailure::kNoMux, "it took the link for a WebSocket of the application");
  }
  heard_at_ = pool_.loop().now();
  output_.SetSocket(socket_.get());
  SendHello();
}

void MuxLink::SendHello() {
  wire::AppendMuxHello(output_.records(), {.lowest = wire::kMuxVersion,
                                           .highest = wire::kMuxVersion,
                                           .session_window = static_cast<uint32_t>(kSessionWindow)});
  output_.Added();
  output_.Flush();
}

MuxFault MuxLink::OnHello(const wire::MuxRecord& record) {
  const auto hello = wire::ParseMuxHello(record.payload);
  if (greeted_ || !hello || std::max(hello->session_window, hello->link_window) > wire::kMuxMaxCredit) {
    return MuxFault::kHello;
  }
  greeted_ = true;
  hello_ = *hello;
  const uint16_t version = std::min(hello_.highest, wire::kMuxVersion);
  if (version < hello_.lowest) {
    socket_->SendClose(1000, "");
    Fail(MuxFailure::kNoMux, "its version of sheaf-asgi is too new for this Sheaf");
    return MuxFault::kNone;
  }
  output_.SetWindow(hello_.link_window);
  MoveTo(MuxLinkState::kReady);
  metrics_.mux_links_opened_total.Add();
  unused_since_ = pool_.loop().now();
  events_.OnMuxReady(*this);
  return MuxFault::kNone;
}

void MuxLink::Fail(MuxFailure failure, std::string_view why) {
  if (over_) return;
  metrics_.mux_links_failed_total[failure].Add();
  End(CloseReason::kDone);
  events_.OnMuxFailed(*this, failure, why);
}

// ---- sessions

void MuxLink::Open(PooledStream& stream) {
  std::string& out = output_.records();
  output_.AddedOpen(wire::AppendMuxOpen(out, ++last_id_, stream.upgrade()->MuxOpen()));
  Add(*new MuxOpening(*this, last_id_, stream));
  metrics_.mux_streams_opened_total.Add();
  stream.OnSent();
  if (last_id_ == UINT32_MAX) BeginLeaving();
}

MuxStream& MuxLink::Accept(MuxOpening& opening, PooledStream& stream) {
  auto* const accepted =
      new MuxStream(*this, opening.id(), *stream.upgrade()->frame_limits, stream.TakeSessionCount(), stream.TakeHold());
  Remove(opening);
  Add(*accepted);
  return *accepted;
}

// Owned by the list from here on, until Remove.
void MuxLink::Add(MuxSlot& slot) {
  slots_.PushBack(slot);
  index_.Insert(slot);
  metrics_.mux_sessions.Add();
}

void MuxLink::Remove(MuxSlot& slot) {
  if (!slot.hook_.linked()) return;
  slots_.Remove(slot);
  index_.Remove(slot);
  metrics_.mux_sessions.Sub();
  pool_.loop().graveyard().Retire(std::unique_ptr<MuxSlot>(&slot));
  if (!slots_.empty()) return;
  unused_since_ = pool_.loop().now();
  events_.OnMuxStirred();
}

MuxSlot* MuxLink::Find(uint32_t id) const {
  return index_.Find(id, [](const MuxSlot&) { return true; });
}

void MuxLink::SendClose(uint32_t id, uint16_t code, std::string_view reason) {
  if (over_) return;
  wire::AppendMuxClose(output_.records(), id, code, reason);
  output_.Added();
}

void MuxLink::SendCredit(uint32_t id, uint32_t bytes) {
  if (over_) return;
  wire::AppendMuxCredit(output_.records(), id, bytes);
  output_.Added();
}

void MuxLink::Enlist(MuxStream::Waiting& waiting, bool has_turn) {
  waiting.has_turn = has_turn;
  (has_turn ? turns_ : stalled_).PushBack(waiting);
  metrics_.mux_streams_waiting.Add();
}

void MuxLink::Unlist(MuxStream::Waiting& waiting) {
  if (!waiting.hook_.linked()) return;
  (waiting.has_turn ? turns_ : stalled_).Remove(waiting);
  metrics_.mux_streams_waiting.Sub();
}

void MuxLink::ReadNow() {
  if (socket_) socket_->ReadNow();
}

// ---- records from the app

void MuxLink::OnUpstreamMessage(const wire::FramePiece& piece) {
  if (over_) return;
  heard_at_ = pool_.loop().now();
  in_doubt_ = false;
  const MuxFault fault = reader_.Take(piece);
  if (fault != MuxFault::kNone && !over_) Violate(fault);
}

MuxFault MuxLink::OnRecord(const wire::MuxRecord& record) {
  metrics_.mux_records_received_total.Add();
  if (!greeted_ && record.type != MuxType::kHello) return MuxFault::kHello;
  switch (record.type) {
    case MuxType::kHello:
      return OnHello(record);
    case MuxType::kMulticast:
      return OnMulticast(record);
    case MuxType::kGroup: {
      const auto ids = wire::ParseMuxGroup(record.payload);
      if (!ids) return MuxFault::kPayload;
      return groups_.Set(record.stream, *ids) ? MuxFault::kNone : MuxFault::kOrder;
    }
    case MuxType::kCredit:
      return record.stream == 0 ? OnLinkCredit(record) : OnStreamRecord(record);
    case MuxType::kGoaway:
      if (Is(MuxLinkState::kReady)) MoveTo(MuxLinkState::kLeaving);
      events_.OnMuxStirred();
      return MuxFault::kNone;
    case MuxType::kPing:
      if (output_.blocked()) return MuxFault::kNone;  // an app that does not read gets no queue of them
      wire::AppendMuxPing(output_.records(), MuxType::kPong, record.payload.first<8>());
      output_.Added();
      output_.Flush();
      return MuxFault::kNone;
    case MuxType::kPong:
      pong_due_ = false;
      return MuxFault::kNone;
    default:
      return OnStreamRecord(record);
  }
}

MuxFault MuxLink::OnStreamRecord(const wire::MuxRecord& record) {
  MuxSlot* const slot = Find(record.stream);
  if (slot != nullptr) return slot->OnRecord(record);
  return record.stream > last_id_ ? MuxFault::kUnopened : MuxFault::kNone;  // it crosses with its end
}

MuxFault MuxLink::OnMulticast(const wire::MuxRecord& record) {
  if (!record.more()) metrics_.mux_multicasts_total.Add();
  MuxShared shared;
  if (const MuxFault fault = groups_.Read(record, shared); fault != MuxFault::kNone) return fault;
  return Spread(shared.part, shared.ids);
}

MuxFault MuxLink::Spread(const wire::FramePiece& part, std::span<const uint32_t> ids) {
  wire::FramePiece shared = part;
  if (part.first && part.last && ids.size() > 1)
    shared.broadcast = broadcasts.fetch_add(1, std::memory_order_relaxed) + 1;
  for (const uint32_t id : ids) {
    MuxSlot* const slot = Find(id);
    if (slot == nullptr) {
      if (id > last_id_ || id == 0) return MuxFault::kUnopened;
      continue;
    }
    if (part.last) metrics_.mux_multicast_deliveries_total.Add();
    if (const MuxFault fault = slot->OnShared(shared); fault != MuxFault::kNone) return fault;
    if (over_) return MuxFault::kNone;
  }
  return MuxFault::kNone;
}

MuxFault MuxLink::OnLinkCredit(const wire::MuxRecord& record) {
  const auto bytes = wire::ParseMuxCredit(record.payload);
  if (!bytes || !output_.AddCredit(*bytes)) return MuxFault::kCredit;
  events_.OnMuxStirred();
  return MuxFault::kNone;
}

void MuxLink::Violate(MuxFault fault) {
  if (socket_) socket_->SendClose(1002, wire::LabelOf(fault));
  if (!greeted_) return Fail(MuxFailure::kNoMux, "its first words were none of mux");
  Announce(EventKind::kUpstream, LogLevel::kWarning,
           "the backend broke the mux protocol: its link is closed, and all sessions on it",
           {{"upstream", pool_.endpoint().url().address}, {"cause", wire::LabelOf(fault)}, {"sessions", sessions()}});
  Close(CloseReason::kUpstreamGone);  // the sessions have no part in it
}

// ---- the turn

void MuxLink::OnUpstreamDrained() {
  output_.SetBlocked(false);
  events_.OnMuxStirred();
}

void MuxLink::Turn() {
  while (!turns_.empty() && output_.may_send()) turns_.front().stream.TakeTurn();
  output_.Flush();
}

void MuxLink::Tick(Duration ping_interval, Duration patience) {
  const TimePoint now = pool_.loop().now();
  for (WaitingList* const list : {&stalled_, &turns_}) {
    list->ForEach([&](MuxStream::Waiting& waiting) {
      if (waiting.stream.given_up() && now - waiting.since >= patience) waiting.stream.GiveUpWaiting();
    });
  }
  if (over_ || !greeted_) return;
  if (pong_due_ && now - std::max(heard_at_, pinged_at_) >= patience) {
    Announce(EventKind::kUpstream, LogLevel::kWarning, "a mux link is silent and given up, and all sessions on it",
             {{"upstream", pool_.endpoint().url().address}, {"sessions", sessions()}});
    return Close(CloseReason::kUpstreamGone);
  }
  in_doubt_ = pong_due_ && now - std::max(heard_at_, pinged_at_) >= ping_interval;
  if (pong_due_ || now - pinged_at_ < ping_interval) return;
  pinged_at_ = now;
  pong_due_ = true;
  wire::AppendMuxPing(output_.records(), MuxType::kPing, std::array<uint8_t, 8>{});
  output_.Added();
  output_.Flush();
}

// ---- the end

void MuxLink::BeginLeaving() {
  if (!Is(MuxLinkState::kReady)) return;
  MoveTo(MuxLinkState::kLeaving);
  wire::AppendMuxGoaway(output_.records(), wire::MuxGoaway::kOld);
  output_.Added();
}

void MuxLink::GiveUp() {
  const bool asked = handshake_ != nullptr;
  Fail(asked ? MuxFailure::kUnreachable : MuxFailure::kNoMux, "its HELLO did not come in time");
}

void MuxLink::OnUpstreamClose(uint16_t code, std::string_view reason) {
  if (over_) return;
  if (socket_) socket_->SendClose(code, "");
  if (!greeted_) return Fail(MuxFailure::kNoMux, "it closed the link before its HELLO");
  Log(code == 1000 || code == 1001 || code == 1012 ? LogLevel::kInfo : LogLevel::kWarning,
      "the backend closed a mux link",
      {{"upstream", pool_.endpoint().url().address}, {"code", code}, {"reason", reason}, {"sessions", sessions()}});
  Close(CloseReason::kUpstreamGone);
}

void MuxLink::OnUpstreamEnd() {
  if (handshake_) {
    std::string why = "it answered " + std::to_string(refused_);
    why.append(refused_ == 401 ? ": upstream.token is not the middleware's"
                               : ": no middleware is there, or upstream.token is not the middleware's");
    return Fail(MuxFailure::kNoMux, why);
  }
  Close(CloseReason::kUpstreamGone);
}

void MuxLink::OnUpstreamClosed(CloseReason reason) {
  if (handshake_) {
    const bool refused = reason == CloseReason::kUpstreamProtocolError;
    if (refused) return Fail(MuxFailure::kNoMux, "its answer to the handshake was not valid");
    return Fail(reason == CloseReason::kPoolExhausted ? MuxFailure::kExhausted : MuxFailure::kUnreachable, "");
  }
  if (!greeted_) return Fail(MuxFailure::kNoMux, "it ended the link before its HELLO");
  Close(CloseReason::kUpstreamGone);  // whatever it was, the sessions have no part in it
}

void MuxLink::Close(CloseReason reason) {
  if (over_) return;
  if (!greeted_) return Fail(MuxFailure::kUnreachable, "");
  if (socket_ && sessions() == 0) socket_->SendClose(1000, "");
  End(reason);
  events_.OnMuxOver(*this);
}

void MuxLink::End(CloseReason reason) {
  over_ = true;
  metrics_.mux_links[state_].Sub();
  output_.SetSocket(nullptr);
  // Callbacks may end others of the list, not add to it.
  while (!slots_.empty()) {
    MuxSlot& slot = slots_.front();
    Remove(slot);
    slot.OnLinkLost(reason);
  }
  // Either may be the caller.
  pool_.loop().graveyard().Retire(std::move(handshake_));
  if (socket_) socket_->Close(reason);
  pool_.loop().graveyard().Retire(std::move(socket_));
}

}  // namespace sheaf::pool
