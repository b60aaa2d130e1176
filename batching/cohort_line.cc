#include "batching/cohort_line.h"

#include <algorithm>
#include <utility>

#include "proxy/base/bytes.h"

namespace sheaf::batching {
namespace {

constexpr std::array<FrameContext, CohortLine::kRungs.size()> kContexts = {FrameContext::kLine15, FrameContext::kLine12,
                                                                           FrameContext::kLine10};

uint64_t WindowBytes(size_t rung) {
  return uint64_t{1} << CohortLine::kRungs[rung];
}

}  // namespace

// Nearly all clients are at one of the last entries.
size_t CohortLine::Find(uint64_t id) const {
  for (size_t i = log_.size(); i-- > 0;) {
    if (log_[i].id == id) return i;
    if (log_[i].id < id) return kNowhere;
    if (log_.size() - i == 8) break;
  }
  const auto at = std::lower_bound(log_.begin(), log_.end(), id,
                                   [](const Entry& entry, uint64_t wanted) { return entry.id < wanted; });
  return at != log_.end() && at->id == id ? static_cast<size_t>(at - log_.begin()) : kNowhere;
}

// What can fail comes first, so that an entry and the message's place are there both or not at all.
void CohortLine::Append(uint64_t id, CompressedMessage& message) {
  if (log_.size() == log_.capacity()) log_.reserve(std::max<size_t>(16, 2 * log_.size()));
  const auto known = std::find_if(message.places.begin(), message.places.end(),
                                  [this](const auto& place) { return place.line == index_; });
  if (known == message.places.end()) {
    message.places.push_back({index_, id});
  } else {
    known->entry = id;
  }
  ++message.entries;
  frames_.Hold(message);
  log_.push_back({id, log_.empty() ? 0 : log_.back().end(), &message, 0});
  Trim();
}

void CohortLine::CopyFrom(const CohortLine& from, size_t i) {
  size_t first = i;
  while (first > 0 && from[i].end() - from[first].begin < WindowBytes(0)) --first;
  for (; first <= i; ++first) Append(from[first].id, *from[first].message);
}

void CohortLine::Trim() {
  const auto is_more = [this](size_t from, uint64_t bytes, size_t entries) {
    return log_.back().end() - log_[from].begin >= bytes || log_.size() - from >= entries;
  };
  if (!is_more(0, 2 * kLog, 2 * kMostEntries)) return;
  size_t gone = 0;
  while (gone + 1 < log_.size() && is_more(gone + 1, kLog, kMostEntries)) Forget(log_[gone++]);
  log_.erase(log_.begin(), log_.begin() + static_cast<ptrdiff_t>(gone));
}

void CohortLine::Forget(Entry& entry) {
  std::vector<CompressedMessage::Place>& places = entry.message->places;
  std::erase_if(places, [&](const auto& place) { return place.line == index_ && place.entry == entry.id; });
  if (--entry.message->entries == 0) frames_.Release(*entry.message);
}

void CohortLine::CutLast() {
  const uint64_t begin = log_.back().begin;
  Forget(log_.back());
  log_.pop_back();
  for (size_t rung = 0; rung < contexts_.size(); ++rung) {
    if (contexts_[rung].end > begin) Drop(contexts_[rung], rung);
  }
}

void CohortLine::Clear() {
  for (Entry& entry : log_) Forget(entry);
  std::vector<Entry>().swap(log_);
  DropContexts();
  heir = {};
  clients = 0;
  ++generation_;
}

void CohortLine::Drop(Context& context, size_t rung) {
  if (context.deflater) context_bytes_ -= frames_.effort().Bytes(kRungs[rung]);
  context = {};
}

void CohortLine::DropContexts() {
  for (size_t rung = 0; rung < contexts_.size(); ++rung) Drop(contexts_[rung], rung);
}

std::span<const uint8_t> CohortLine::LastBytes(size_t i, size_t most) const {
  size_t first = i;
  while (first > 0 && log_[i].end() - log_[first].begin < most) --first;
  std::string& bytes = frames_.dictionary();
  bytes.clear();
  for (size_t at = first; at <= i; ++at) bytes += log_[at].message->message->text();
  return AsBytes(bytes).last(std::min(most, bytes.size()));
}

uint64_t CohortLine::CommonBytes(size_t i, const CohortLine& other, size_t j, uint64_t enough) const {
  uint64_t common = 0;
  // Below the first entry an index is kNowhere.
  while (common < enough && i < log_.size() && j < other.size() && log_[i].message == other[j].message) {
    common += log_[i].size();
    --i;
    --j;
  }
  return common;
}

// A context goes on where it ended, if what it lacks is in the log and leaves it something of its window; else it
// begins anew, as far back as its window.
CohortLine::Feed CohortLine::FeedFor(const Context& context, size_t rung, uint64_t end) const {
  const uint64_t window = WindowBytes(rung);
  const uint64_t first = log_.front().begin;
  const bool goes_on = context.deflater && context.end <= end && context.end >= first && end - context.end < window;
  if (goes_on) return {context.begin, context.end};
  const uint64_t begin = std::max(first, end - std::min(end, window));
  return {begin, begin};
}

std::optional<uint32_t> CohortLine::Reach(size_t rung, size_t i) const {
  const Context& context = contexts_[rung];
  const uint64_t end = log_[i].begin;
  if (context.end > end) return std::nullopt;
  const uint64_t before = end - FeedFor(context, rung, end).begin;
  return static_cast<uint32_t>(std::min<uint64_t>(before, wire::DeflaterReach(kRungs[rung])));
}

const CompressedFrame* CohortLine::Made(size_t rung, size_t i) const {
  return log_[i].message->FindOfEntry(log_[i].id, kContexts[rung]);
}

const CompressedFrame* CohortLine::Make(size_t rung, size_t i) {
  CompressedMessage& message = *log_[i].message;
  const uint8_t bits = kRungs[rung];
  Context& context = contexts_[rung];
  const uint64_t end = log_[i].begin;
  const Feed feed = FeedFor(context, rung, end);
  const CompressedFrame::Source source{log_[i].id, *Reach(rung, i), kContexts[rung], bits};
  // Away from its place while anything can fail: a context that was half fed would make wrong frames.
  std::optional<wire::Deflater> deflater = std::move(context.deflater);
  Drop(context, rung);
  if (!deflater) deflater.emplace(bits, frames_.effort());
  if (feed.from == feed.begin) deflater->Reset();
  if (feed.from < end && !deflater->Prime(LastBytes(i - 1, end - feed.from))) return nullptr;
  const CompressedFrame* frame = frames_.Make(message, source, *deflater);
  if (frame == nullptr) return nullptr;
  context = {std::move(deflater), feed.begin, log_[i].end()};
  context_bytes_ += frames_.effort().Bytes(bits);
  return frame;
}

}  // namespace sheaf::batching
