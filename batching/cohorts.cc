#include "batching/cohorts.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "batching/cohort_ladder.h"

namespace sheaf::batching {
namespace {

// Lines cost memory and time, and clients that skip at random would have a new one each message: one in so many
// different messages may begin one.
constexpr uint64_t kMessagesALine = 4;
constexpr uint64_t kMostGrants = 64;
// So many common bytes make two lines one: contexts of 10 bits serve at once, the larger ones soon.
constexpr size_t kEnoughInCommon = 700;
// How often a guest gives way, so that others lead, before it leads itself: it may be the first of its line to get
// each.
constexpr uint8_t kGuest = 2;
// Periods after which the contexts of a line go that nobody uses.
constexpr uint64_t kIdlePeriods = 20;

// A place from 65,536 lines ago looks like one of today, and was not counted.
void RemoveClient(CohortLine& line) {
  if (line.clients > 0) --line.clients;
}

}  // namespace

CohortPlace::CohortPlace(uint8_t window_bits) : window_bits_(LadderWindow(window_bits)) {
  static_assert(sizeof(CohortPlace) == 16, "an idle session's budget");
}

Cohorts::Cohorts(MessageStore& store, const wire::DeflateEffort& effort, WorkerMetrics& metrics)
    : store_(store), metrics_(metrics), frames_(metrics), grants_(kMostGrants) {
  frames_.Adopt(effort);
}

Cohorts::~Cohorts() = default;

void Cohorts::Adopt(const wire::DeflateEffort& effort) {
  if (effort == frames_.effort()) return;
  Trim();
  frames_.Adopt(effort);
}

void Cohorts::SetBound(size_t bytes) {
  bound_ = std::min(bytes, kMaxBytes);
  frames_.SetBound(std::max(bound_, kLeastBytes));
  if (!shares() && lines() > 0) Trim();
}

// ---- what one client gets

std::optional<Cohorts::Given> Cohorts::Give(CohortPlace& place, const MessageRef& message) {
  Settle(place);
  const Move move = Next(place, message);
  const CompressedFrame* frame = FrameFor(move, message, place.window_bits_);
  if (frame == nullptr) return std::nullopt;
  assert(frame->source.reach <= (move.kind < CohortMove::kHop ? move.tail : move.from_tail));
  Enter(place, move, message);
  return Given{frame->bytes, frame->source.context, move.tail < kEnoughInCommon};
}

bool Cohorts::Track(CohortPlace& place, const MessageRef& message) {
  Settle(place);
  const Move move = Next(place, message);
  Enter(place, move, message);
  return move.tail < kEnoughInCommon;
}

std::optional<std::string_view> Cohorts::Alone(uint8_t window_bits, const MessageRef& message) {
  const CompressedFrame* frame = FrameAlone(frames_, frames_.Of(message), LadderWindow(window_bits));
  if (frame == nullptr) return std::nullopt;
  return frame->bytes;
}

std::span<const uint8_t> Cohorts::LastBytes(CohortPlace& place, size_t most) {
  Settle(place);
  const size_t known = std::min<size_t>(place.tail_, most);
  if (const CohortLine* line = LineOf(place)) return line->LastBytes(line->Find(place.last_), known);
  const CompressedMessage* last = frames_.Find(place.last_);
  if (last == nullptr) return {};
  return last->message->bytes().last(std::min(known, last->message->size()));
}

void Cohorts::Leave(CohortPlace& place) {
  if (CohortLine* line = LineOf(place)) RemoveClient(*line);
  place.line_ = CohortPlace::kNoLine;
  place.last_ = 0;
  place.tail_ = 0;
}

const CompressedFrame* Cohorts::FrameFor(const Move& move, const MessageRef& message, uint8_t window_bits) {
  if (move.kind < CohortMove::kHop) return FrameInLine(frames_, *move.line, move.at, move.tail, window_bits);
  CompressedMessage& one = frames_.Of(message);
  if (move.from == nullptr) return FrameAlone(frames_, one, window_bits);
  return FrameBehind(frames_, one, *move.from, move.from_at, move.from_tail, window_bits);
}

void Cohorts::Enter(CohortPlace& place, const Move& move, const MessageRef& message) {
  metrics_.cohort_moves_total[move.kind].Add();
  if (move.line != move.from) {
    if (move.from != nullptr) RemoveClient(*move.from);
    if (move.line != nullptr) ++move.line->clients;
  }
  place.tail_ = static_cast<uint16_t>(std::min<size_t>(move.tail + message->size(), UINT16_MAX));
  if (move.kind == CohortMove::kHop) {
    place.guest_ = kGuest;
  } else if (move.kind == CohortMove::kAlone) {
    place.guest_ -= std::min<uint8_t>(place.guest_, 1);
  } else if (move.line != move.from || place.tail_ >= kEnoughInCommon) {
    place.guest_ = 0;
  }
  if (move.line == nullptr) {
    place.line_ = CohortPlace::kNoLine;
    place.last_ = message->serial();
    return;
  }
  CohortLine::Entry& entry = (*move.line)[move.at];
  ++entry.deliveries;
  move.line->used = period_;
  place.line_ = move.line->index();
  place.generation_ = move.line->generation();
  place.last_ = entry.id;
}

// ---- where a message puts a client

CohortLine* Cohorts::LineOf(const CohortPlace& place) const {
  if (place.line_ == CohortPlace::kNoLine) return nullptr;
  CohortLine* line = lines_[place.line_].get();
  return line->generation() == place.generation_ ? line : nullptr;
}

void Cohorts::Settle(CohortPlace& place) {
  if (place.line_ != CohortPlace::kNoLine) {
    CohortLine* line = LineOf(place);
    if (line == nullptr || line->Find(place.last_) == CohortLine::kNowhere) return Leave(place);
    if (line->heir.line != CohortLine::kNowhere) FollowHeir(place, *line);
    return;
  }
  if (place.last_ == 0 || place.tail_ == 0) return;
  const CompressedMessage* last = frames_.Find(place.last_);
  if (last == nullptr) return;
  if (last->places.empty()) {
    if (!last->message->shared()) store_.NoteAlone(*last->message);
    return;
  }
  CohortLine& line = *lines_[last->places.back().line];
  ++line.clients;
  place.line_ = line.index();
  place.generation_ = line.generation();
  place.last_ = last->places.back().entry;
}

Cohorts::Move Cohorts::Next(const CohortPlace& place, const MessageRef& message) {
  Move move;
  move.from = LineOf(place);
  if (move.from != nullptr) {
    move.from_at = move.from->Find(place.last_);
    move.from_tail = place.tail_;
    move.guest = place.guest_ > 0;
    const CohortLine& line = *move.from;
    if (!line.IsHead(move.from_at) && line[move.from_at + 1].message->message == message) {
      move.kind = CohortMove::kFollow;
      move.line = move.from;
      move.at = move.from_at + 1;
      move.tail = move.from_tail;
      return move;
    }
  }
  CompressedMessage& one = frames_.Of(message);
  if (move.from == nullptr || !GoOn(move, one)) Stray(move, one);
  return move;
}

// With all or nearly all of what the client has. False: there is no way.
bool Cohorts::GoOn(Move& move, CompressedMessage& message) {
  if (JoinBranch(move, message)) return true;
  CohortLine& line = *move.from;
  if (MayLead(move, message)) {
    Append(move, CohortMove::kAppend, line, message);
    return true;
  }
  if (MayRepair(move)) {
    store_.NoteAlone(*line.back().message->message);
    line.CutLast();
    Append(move, CohortMove::kRepair, line, message);
    return true;
  }
  const bool second = message.WentTo(line[move.from_at].id);
  const bool others_are_to_come = message.places.empty() && message.message->shared();
  if (move.from_tail == 0 || !(second || others_are_to_come) || !MayBegin()) return false;
  CohortLine& fork = NewLine(&line);
  fork.CopyFrom(line, move.from_at);
  Append(move, CohortMove::kFork, fork, message);
  return true;
}

// Who has hopped to a line does not lead: it may be of those who get other messages. And one that is alone in its line
// had better join the others.
bool Cohorts::MayLead(const Move& move, const CompressedMessage& message) {
  const CohortLine& line = *move.from;
  if (!line.IsHead(move.from_at) || move.guest) return false;
  return line.clients > 1 || message.places.empty() || message.places.back().line == line.index();
}

// Behind the client is one last message that nobody else got: it was taken for one for many, and was not.
bool Cohorts::MayRepair(const Move& move) {
  const CohortLine& line = *move.from;
  if (line.IsHead(move.from_at) || !line.IsHead(move.from_at + 1)) return false;
  const CohortLine::Entry& next = line[move.from_at + 1];
  return next.deliveries < 2 && !next.message->message->shared();
}

// Another line has the message behind the bytes that the client has: behind all of them; or behind enough, where it is
// the larger one.
bool Cohorts::JoinBranch(Move& move, const CompressedMessage& message) const {
  for (size_t i = message.places.size(); i-- > 0;) {
    CohortLine& other = *lines_[message.places[i].line];
    const size_t at = other.Find(message.places[i].entry);
    if (&other == move.from && at <= move.from_at) continue;
    const size_t common = move.from->CommonBytes(move.from_at, other, at - 1, move.from_tail);
    const bool larger = common >= kEnoughInCommon && other.clients > move.from->clients;
    if (common < move.from_tail && !larger) continue;
    move.kind = CohortMove::kBranch;
    move.line = &other;
    move.at = at;
    move.tail = std::min(common, move.from_tail);
    return true;
  }
  return false;
}

// A line is begun when a second client is known, never by the first: of what one client alone gets there is none.
void Cohorts::Stray(Move& move, CompressedMessage& message) {
  const bool known = message.given || message.message->shared();
  message.given = true;
  if (known && message.places.empty() && MayBegin()) {
    return Append(move, CohortMove::kBegin, NewLine(move.from), message);
  }
  if (message.places.empty()) return;
  move.kind = CohortMove::kHop;
  for (size_t i = message.places.size(); i-- > 0;) {
    CohortLine& line = *lines_[message.places[i].line];
    if (move.line != nullptr && line.clients <= move.line->clients) continue;
    move.line = &line;
    move.at = line.Find(message.places[i].entry);
  }
}

void Cohorts::Append(Move& move, CohortMove kind, CohortLine& line, CompressedMessage& message) {
  line.Append(++entries_, message);
  move.kind = kind;
  move.line = &line;
  move.at = line.size() - 1;
  move.tail = kind == CohortMove::kBegin ? 0 : move.from_tail;
  Merge(line, message);
}

// Where the line now ends as another one does, the smaller one is given up.
void Cohorts::Merge(CohortLine& line, const CompressedMessage& message) {
  for (const CompressedMessage::Place& place : message.places) {
    CohortLine& other = *lines_[place.line];
    if (&other == &line || !other.IsHead(other.Find(place.entry))) continue;
    const uint64_t common = line.CommonBytes(line.size() - 1, other, other.size() - 1, UINT16_MAX);
    if (common < kEnoughInCommon) continue;
    CohortLine& larger = other.clients > line.clients ? other : line;
    CohortLine& smaller = &larger == &line ? other : line;
    smaller.heir = {larger.index(), larger.generation(), smaller.back().id, larger.back().id, common};
  }
}

void Cohorts::FollowHeir(CohortPlace& place, CohortLine& line) {
  CohortLine& heir = *lines_[line.heir.line];
  if (heir.generation() != line.heir.generation || heir.Find(line.heir.entry) == CohortLine::kNowhere) {
    line.heir = {};
    return;
  }
  if (place.last_ != line.heir.from) return;
  RemoveClient(line);
  ++heir.clients;
  place.line_ = heir.index();
  place.generation_ = heir.generation();
  place.last_ = line.heir.entry;
  place.tail_ = static_cast<uint16_t>(std::min<uint64_t>(place.tail_, line.heir.common));
}

// ---- memory

bool Cohorts::MayBegin() {
  const uint64_t earned = (frames_.distinct() - granted_) / kMessagesALine;
  granted_ += earned * kMessagesALine;
  grants_ = std::min(grants_ + earned, kMostGrants);
  if (grants_ == 0) return false;
  --grants_;
  return true;
}

CohortLine& Cohorts::NewLine(const CohortLine* keep) {
  for (const std::unique_ptr<CohortLine>& line : lines_) {
    if (line->empty()) return *line;
  }
  if (lines_.size() < kMaxLines) {
    lines_.push_back(std::make_unique<CohortLine>(frames_, static_cast<uint16_t>(lines_.size())));
    return *lines_.back();
  }
  CohortLine& line = *LeastUsed(keep);
  line.Clear();
  return line;
}

CohortLine* Cohorts::LeastUsed(const CohortLine* keep) const {
  CohortLine* least = nullptr;
  for (const std::unique_ptr<CohortLine>& line : lines_) {
    if (line->empty() || line.get() == keep) continue;
    if (least == nullptr || std::pair(line->used, line->clients) < std::pair(least->used, least->clients)) {
      least = line.get();
    }
  }
  return least;
}

void Cohorts::Expire() {
  ++period_;
  frames_.Expire();
  for (const std::unique_ptr<CohortLine>& line : lines_) {
    if (line->empty()) continue;
    if (line->clients == 0) line->Clear();
    if (period_ - line->used > kIdlePeriods) line->DropContexts();
  }
  // What lines hold is used by many, what is loose hardly.
  if (bytes() > bound_) frames_.ForgetLoose();
  while (bytes() > bound_) {
    CohortLine* least = LeastUsed(nullptr);
    if (least == nullptr) break;
    least->Clear();
    frames_.ForgetLoose();
  }
  metrics_.cohort_lines.Set(static_cast<int64_t>(lines()));
  metrics_.cohort_bytes.Set(static_cast<int64_t>(bytes()));
}

size_t Cohorts::DropContexts() {
  const size_t before = bytes();
  for (const std::unique_ptr<CohortLine>& line : lines_) line->DropContexts();
  return before - bytes();
}

size_t Cohorts::Trim() {
  const size_t before = bytes();
  for (const std::unique_ptr<CohortLine>& line : lines_) line->Clear();
  const size_t deflaters = frames_.Trim();
  return std::max(before - bytes(), deflaters);
}

size_t Cohorts::bytes() const {
  size_t sum = frames_.bytes();
  for (const std::unique_ptr<CohortLine>& line : lines_) sum += line->bytes();
  return sum;
}

size_t Cohorts::lines() const {
  return static_cast<size_t>(
      std::count_if(lines_.begin(), lines_.end(), [](const auto& line) { return !line->empty(); }));
}

}  // namespace sheaf::batching
