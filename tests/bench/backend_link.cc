#include "tests/bench/backend_link.h"

#include <algorithm>

#include "tests/bench/backend_peer.h"

namespace sheaf::bench {
namespace {

constexpr size_t kMostInFrame = 128 * 1024;
constexpr size_t kMuxHeader = 8;
constexpr uint32_t kGroup = 1;  // one is all that a broadcast to all needs
// What the proxy may send before it hears of more; mux_frame.md says why it is no more for a link.
constexpr uint32_t kWindow = 48 * 1024;

}  // namespace

void MuxSession::SendTick(Quote& quote) {
  if (credit <= 0 || link.behind()) return;
  link.SendText(*this, quote.Write({.sequence = ticks++, .sent_ns = NowNs()}));
}

MuxLink::MuxLink(Server& server, Peer& peer) : server_(server), peer_(peer) {
  AppendHello(frame_, kWindow);
  HandOver();  // alone in its frame
}

MuxLink::~MuxLink() {
  server_.Stop(*this);
  for (auto& [stream, session] : sessions_) server_.Stop(session, session.load.rate);
}

bool MuxLink::behind() const {
  return peer_.behind();
}

void MuxLink::HandOver() {
  if (frame_.empty()) return;
  peer_.Queue(frame_);
  frame_.clear();
}

std::string& MuxLink::RoomFor(size_t bytes) {
  if (frame_.size() + kMuxHeader + bytes > kMostInFrame) HandOver();
  if (frame_.empty()) server_.FlushLater(peer_);
  return frame_;
}

void MuxLink::SendText(MuxSession& session, std::string_view text) {
  session.credit -= MuxCharge(text.size());
  AppendRecord(RoomFor(text.size()), MuxType::kText, session.stream, text);
}

void MuxLink::SendBroadcast(std::string_view text) {
  if (behind()) return;
  streams_.clear();
  for (MuxSession* session : listening_) {
    if (session->credit <= 0) continue;
    session->credit -= MuxCharge(text.size());
    ++session->ticks;
    streams_.push_back(session->stream);
  }
  std::ranges::sort(streams_);
  if (streams_ != group_) {
    group_ = streams_;
    AppendGroup(RoomFor(sizeof(uint32_t) * (1 + group_.size())), kGroup, group_);
  }
  AppendMulticast(RoomFor(text.size()), kGroup, text);
}

bool MuxLink::OnFrame(std::string_view frame) {
  uint32_t data = 0;
  while (const std::optional<MuxRecord> record = TakeRecord(frame)) {
    if (!OnRecord(*record)) return false;
    const bool counts = record->type == MuxType::kText || record->type == MuxType::kOpen;
    if (counts) data += MuxCharge(record->payload.size());
  }
  if (data > 0) AppendCredit(RoomFor(sizeof(data)), 0, data);
  return frame.empty();
}

bool MuxLink::OnRecord(const MuxRecord& record) {
  if (session_window_ == 0) {
    session_window_ = SessionWindow(record.payload).value_or(0);
    return record.type == MuxType::kHello && session_window_ > 0;
  }
  switch (record.type) {
    case MuxType::kOpen:
      return OnOpen(record);
    case MuxType::kText:
      return OnText(record);
    case MuxType::kCredit:
      return OnCredit(record);
    case MuxType::kClose: {
      const auto found = sessions_.find(record.stream);
      if (found == sessions_.end()) return false;
      Stop(found->second);
      sessions_.erase(found);
      AppendRecord(RoomFor(2), MuxType::kClose, record.stream, record.payload.substr(0, 2));
      return true;
    }
    case MuxType::kPing:
      AppendRecord(RoomFor(record.payload.size()), MuxType::kPong, 0, record.payload);
      return true;
    case MuxType::kPong:
      return true;
    default:
      return false;
  }
}

bool MuxLink::OnOpen(const MuxRecord& record) {
  const std::string_view target = OpenTarget(record.payload);
  const auto [at, is_new] = sessions_.try_emplace(record.stream, *this, record.stream, LoadOf(target));
  if (target.empty() || !is_new) return false;
  at->second.credit = session_window_;
  constexpr std::string_view kNothingMore("\0\0\0\0", 4);  // no subprotocol, no fields
  AppendRecord(RoomFor(kNothingMore.size()), MuxType::kAccept, record.stream, kNothingMore);
  return true;
}

bool MuxLink::OnText(const MuxRecord& record) {
  const auto found = sessions_.find(record.stream);
  if (found == sessions_.end()) return false;
  MuxSession& session = found->second;
  AppendCredit(RoomFor(sizeof(uint32_t)), record.stream, MuxCharge(record.payload.size()));
  session.load.rate > 0 ? OnWord(session, record.payload) : SendText(session, record.payload);
  return true;
}

void MuxLink::OnWord(MuxSession& session, std::string_view word) {
  if (word == "start") Start(session);
  if (word != "stop") return;
  Stop(session);
  SendText(session, "end " + std::to_string(session.ticks));
}

bool MuxLink::OnCredit(const MuxRecord& record) {
  const uint32_t bytes = CreditBytes(record.payload);
  // Of a session that is over it may still come, and the link itself has no window in this direction.
  const auto found = sessions_.find(record.stream);
  if (found != sessions_.end()) found->second.credit += bytes;
  return bytes > 0;
}

void MuxLink::Start(MuxSession& session) {
  if (!session.load.broadcast) return server_.Start(session, session.load.rate);
  if (listening_.empty()) server_.Start(*this, session.load.rate);
  listening_.push_back(&session);
}

void MuxLink::Stop(MuxSession& session) {
  server_.Stop(session, session.load.rate);
  if (std::erase(listening_, &session) > 0 && listening_.empty()) server_.Stop(*this);
}

}  // namespace sheaf::bench
