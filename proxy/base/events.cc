#include "proxy/base/events.h"

#include <algorithm>

namespace sheaf {
namespace {

// Takes the text from what is left of the room. No character of UTF-8 is cut in half.
std::string Take(std::string_view text, size_t& room) {
  constexpr std::string_view kMore = "...";
  size_t end = text.size();
  if (end > room) {
    end = room > kMore.size() ? room - kMore.size() : 0;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  }
  std::string taken(text.substr(0, end));
  if (end < text.size()) taken.append(kMore);
  room -= std::min(room, taken.size());
  return taken;
}

}  // namespace

void EventRing::Add(EventKind kind, LogLevel level, std::string_view message, std::span<const LogField> fields,
                    Time now) {
  Event event{.at = now, .level = level, .kind = kind, .message = {}, .fields = {}};
  size_t room = kMostText;
  event.message = Take(message, room);
  for (const LogField& field : fields) {
    if (room <= field.key.size()) break;
    room -= field.key.size();
    event.fields.emplace_back(field.key, Take(field.value.text(), room));
  }
  const std::lock_guard lock(mutex_);
  if (CanFlood(kind) && Repeats(event)) return;
  event.number = ++last_;
  events_.push_back(std::move(event));
  if (events_.size() > kMost) events_.pop_front();
}

bool EventRing::Repeats(const Event& event) {
  const auto found = std::find_if(events_.rbegin(), events_.rend(), [&event](const Event& one) {
    return event.at - one.at < kSpell && one.kind == event.kind && one.message == event.message &&
           one.fields == event.fields;
  });
  if (found == events_.rend()) return false;
  ++found->times;
  return true;
}

EventRing::Look EventRing::Since(uint64_t number) const {
  Look look;
  const std::lock_guard lock(mutex_);
  look.last = last_;
  for (const Event& event : events_) {
    if (event.number > number) look.events.push_back(event);
  }
  return look;
}

// Never destroyed: other threads may announce to the last.
EventRing& Events() {
  static EventRing& ring = *new EventRing;
  return ring;
}

void Announce(EventKind kind, LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  Events().Add(kind, level, message, std::span<const LogField>(fields.begin(), fields.size()));
  Log(level, message, fields);
}

}  // namespace sheaf
