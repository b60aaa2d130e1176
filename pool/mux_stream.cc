#include "pool/mux_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pool/endpoint_pool.h"
#include "pool/mux_link.h"
#include "pool/mux_socket.h"
#include "proxy/base/bytes.h"
#include "proxy/wire/frame_in_place.h"
#include "proxy/wire/frame_run.h"
#include "proxy/wire/mask.h"
#include "proxy/wire/mux_payload.h"
#include "proxy/wire/mux_writer.h"

namespace sheaf::pool {

using wire::MuxFault;
using wire::MuxType;

namespace {

// More than this of a client's waits: it is not read.
constexpr size_t kFull = net::BufferMarks::kOneRead;

// What the app is told of where there was no Close, and says where there is none (RFC 6455 7.4.1).
constexpr uint16_t kMuxAbnormal = 1006;

}  // namespace

wire::MuxRecord MuxStream::Waiting::Next() {
  std::span<uint8_t> left(reinterpret_cast<uint8_t*>(records.data()) + at, records.size() - at);
  return wire::NextMuxRecord(wire::MuxEnd::kApp, left);
}

MuxStream::MuxStream(MuxLink& link, uint32_t id, const wire::FrameLimits& limits, SessionCount count,
                     Affinity::Hold hold)
    : MuxSlot(id),
      link_(link),
      limits_(limits),
      count_(std::move(count)),
      hold_(std::move(hold)),
      credit_(link.app_window()),
      window_(MuxLink::kSessionWindow) {
  static_assert(sizeof(MuxStream) <= 136, "an idle session's budget");
}

MuxStream::~MuxStream() {
  DropWaiting();
}

const Endpoint& MuxStream::endpoint() const {
  return link_.pool().endpoint();
}

void MuxStream::ReadNow() {
  link_.ReadNow();
}

// ---- from the app to the client

MuxFault MuxStream::OnRecord(const wire::MuxRecord& record) {
  switch (record.type) {
    case MuxType::kText:
    case MuxType::kBinary:
      return OnData(record);
    case MuxType::kCredit:
      return OnCredit(record);
    case MuxType::kClose:
      return OnClose(record);
    default:
      return MuxFault::kOrder;
  }
}

MuxFault MuxStream::OnData(const wire::MuxRecord& record) {
  if (events_ == nullptr) return MuxFault::kNone;  // it crosses with the end
  if (window_ <= 0) return MuxFault::kWindow;
  const wire::Opcode opcode = record.type == MuxType::kText ? wire::Opcode::kText : wire::Opcode::kBinary;
  if (partial_ && (partial_->opcode != opcode || partial_->shared)) return MuxFault::kOrder;
  const bool first = !partial_;
  const bool last = !record.more();
  if (opcode == wire::Opcode::kText) {
    wire::Utf8Checker whole;
    wire::Utf8Checker& text = first ? whole : partial_->text;
    if (!text.Feed(record.payload) || (last && !text.complete())) return MuxFault::kUtf8;
    if (first && !last) partial_ = std::make_unique<Partial>(Partial{.opcode = opcode, .text = whole});
  } else if (first && !last) {
    partial_ = std::make_unique<Partial>(Partial{.opcode = opcode});
  }
  HandOn(wire::FrameInPlace(record.payload, opcode, first, last));
  return MuxFault::kNone;
}

MuxFault MuxStream::OnShared(const wire::FramePiece& part) {
  if (events_ == nullptr) return MuxFault::kNone;
  if (part.first && window_ <= 0) return MuxFault::kWindow;
  if (part.first == (partial_ != nullptr)) return MuxFault::kOrder;
  if (part.first && !part.last) partial_ = std::make_unique<Partial>(Partial{.opcode = part.opcode, .shared = true});
  HandOn(part);
  return MuxFault::kNone;
}

bool MuxStream::Admit(const wire::FramePiece& part) {
  const uint64_t size = (partial_ ? partial_->size : 0) + part.payload.size();
  if (size > limits_.max_message) return false;
  if (part.last) {
    partial_.reset();
  } else {
    partial_->size = size;
  }
  const size_t charge = wire::MuxCharge(part.payload.size());
  window_ -= static_cast<int32_t>(charge);
  owed_ += static_cast<uint32_t>(charge);
  return true;
}

void MuxStream::HandOn(const wire::FramePiece& part) {
  if (!Admit(part)) return Break(CloseReason::kUpstreamMessageTooBig, 1009);
  events_->OnUpstreamMessage(part);
  GiveCredit();
}

// Half a window at a time, and nothing while the client does not keep up: then the app stops this session alone.
void MuxStream::GiveCredit() {
  if (pauses_.any() || events_ == nullptr || owed_ < static_cast<uint32_t>(MuxLink::kSessionWindow) / 2) return;
  window_ += static_cast<int32_t>(owed_);
  link_.SendCredit(id(), std::exchange(owed_, 0));
}

void MuxStream::ResumeReading(PauseReason reason) {
  if (pauses_.Remove(reason)) GiveCredit();
}

MuxFault MuxStream::OnClose(const wire::MuxRecord& record) {
  const auto close = wire::ParseMuxClose(record.payload);
  if (!close) return MuxFault::kPayload;
  said_close_ = true;
  DropWaiting();
  SocketEvents* told = events_;
  const uint16_t code = close->code == kMuxAbnormal ? 1011 : close->code;
  // An answer has no reason of its own; servers give a client its own back.
  const bool answers = said_reason_ && close->code == said_code_ && close->reason.empty();
  if (told != nullptr) told->OnUpstreamClose(code, answers ? std::string_view(*said_reason_) : close->reason);
  told = Leave();
  link_.Remove(*this);
  if (told != nullptr) told->OnUpstreamEnd();
  return MuxFault::kNone;
}

SocketEvents* MuxStream::Leave() {
  if (socket_ != nullptr) std::exchange(socket_, nullptr)->Leave();
  return std::exchange(events_, nullptr);
}

void MuxStream::Break(CloseReason reason, uint16_t code) {
  DropWaiting();
  link_.SendClose(id(), code, Describe(reason).text);
  SocketEvents* const told = Leave();
  link_.Remove(*this);
  if (told != nullptr) told->OnUpstreamClosed(reason);
}

void MuxStream::OnLinkLost(CloseReason reason) {
  // Its lists go with the link, which may be before the end of the turn.
  DropWaiting();
  if (SocketEvents* told = Leave()) told->OnUpstreamClosed(reason);
}

// ---- from the client to the app

void MuxStream::SendMessage(const wire::FramePiece& piece) {
  if (said_close_) return;
  if (piece.before.messages == 0) return SendPart(piece.opcode, piece.payload, piece.mask, piece.last);
  // A run: whole messages, each in a frame under a mask of its own.
  for (std::span<const uint8_t> rest = piece.wire; !rest.empty();) {
    const wire::RunFrame frame = wire::TakeFromRun(rest);
    SendPart(frame.opcode, frame.payload, frame.mask, true);
  }
}

void MuxStream::SendPart(wire::Opcode opcode, std::span<const uint8_t> payload, uint32_t mask, bool last) {
  const MuxType type = opcode == wire::Opcode::kText ? MuxType::kText : MuxType::kBinary;
  do {
    const size_t size = std::min(payload.size(), wire::kMuxMaxPayloadUp);
    const bool ends = last && size == payload.size();
    if (size == 0 && !ends) return;
    SendRecord(type, !ends, payload.first(size), mask);
    mask = wire::RotateMask(mask, size);
    payload = payload.subspan(size);
  } while (!payload.empty());
}

void MuxStream::SendRecord(MuxType type, bool more, std::span<const uint8_t> payload, uint32_t mask) {
  if (!waiting_ && credit_ > 0 && link_.MaySend()) {
    credit_ -= static_cast<int64_t>(wire::MuxCharge(payload.size()));
    return link_.output().AddData(type, more, id(), payload, mask);
  }
  std::string& records = waiting().records;
  std::array<uint8_t, wire::kMuxHeader> header;
  wire::WriteMuxHeader(header.data(), type, more ? wire::kMuxMore : uint8_t{0}, id(), payload.size());
  records.append(AsText(header));
  const size_t begin = records.size();
  records.append(AsText(payload));
  wire::ApplyMask({reinterpret_cast<uint8_t*>(records.data()) + begin, payload.size()}, mask);
  if (waiting_->told || records.size() - waiting_->at < kFull || events_ == nullptr) return;
  waiting_->told = true;
  events_->OnUpstreamBlocked();
}

MuxStream::Waiting& MuxStream::waiting() {
  if (!waiting_) {
    waiting_ = std::make_unique<Waiting>(*this);
    waiting_->since = link_.pool().loop().now();
    Enlist();
  }
  return *waiting_;
}

// A Close needs no credit.
void MuxStream::Enlist() {
  const bool has_record = waiting_->at < waiting_->records.size();
  const bool closes = has_record && waiting_->Next().type == MuxType::kClose;
  link_.Enlist(*waiting_, credit_ > 0 || closes);
}

MuxFault MuxStream::OnCredit(const wire::MuxRecord& record) {
  const auto bytes = wire::ParseMuxCredit(record.payload);
  if (!bytes) return MuxFault::kCredit;
  credit_ += *bytes;
  if (credit_ > INT32_MAX) return MuxFault::kCredit;
  if (waiting_ && !waiting_->has_turn && credit_ > 0) {
    link_.Unlist(*waiting_);
    Enlist();
  }
  return MuxFault::kNone;
}

void MuxStream::TakeTurn() {
  Waiting& waits = *waiting_;
  const wire::MuxRecord record = waits.Next();
  waits.at += record.wire.size();
  waits.since = link_.pool().loop().now();
  if (record.type == MuxType::kClose) {
    link_.output().records().append(AsText(record.wire));
    link_.output().Added();
  } else {
    credit_ -= static_cast<int64_t>(wire::MuxCharge(record.payload.size()));
    link_.output().AddData(record.type, record.more(), id(), record.payload, 0);
  }
  if (waits.at == waits.records.size()) return OnAllSent();
  // A client whose queue is never empty would have all that it ever sent kept.
  if (waits.at >= kFull) waits.records.erase(0, std::exchange(waits.at, 0));
  link_.Unlist(waits);
  Enlist();
}

void MuxStream::OnAllSent() {
  const bool told = waiting_->told;
  DropWaiting();
  if (socket_ == nullptr) return link_.Remove(*this);
  if (told && events_ != nullptr) events_->OnUpstreamDrained();
}

void MuxStream::DropWaiting() {
  if (waiting_) link_.Unlist(*waiting_);
  waiting_.reset();
}

bool MuxStream::SendClose(uint16_t code, std::string_view reason) {
  if (std::exchange(said_close_, true)) return false;
  said_code_ = code;
  if (!reason.empty()) said_reason_ = std::make_unique<const std::string>(reason);
  if (!waiting_) {
    link_.SendClose(id(), code, reason);
    return true;
  }
  wire::AppendMuxClose(waiting_->records, id(), code, reason);  // behind what the client sent before it
  return true;
}

void MuxStream::Detach() {
  socket_ = nullptr;
  events_ = nullptr;
  SendClose(kMuxAbnormal, "");
  if (!waiting_) link_.Remove(*this);
}

void MuxStream::GiveUpWaiting() {
  DropWaiting();
  link_.SendClose(id(), kMuxAbnormal, "");
  link_.Remove(*this);
}

}  // namespace sheaf::pool
