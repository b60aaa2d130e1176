#include "proxy/admin/event_requests.h"

#include <chrono>

#include "proxy/admin/json_writer.h"
#include "proxy/base/option_types.h"
#include "proxy/base/units.h"
#include "proxy/wire/query.h"

namespace sheaf {
namespace {

void WriteEvent(const Event& event, JsonWriter& json) {
  json.Add("number", event.number);
  json.Add("time", std::chrono::duration<double>(event.at.time_since_epoch()).count());
  json.Add("level", option_internal::Names(LogLevel{})[static_cast<size_t>(event.level)]);
  json.Add("kind", NameOf(event.kind));
  json.Add("message", event.message);
  json.Add("times", event.times);
  json.Begin("fields");
  for (const auto& [key, value] : event.fields) json.Add(key, value);
  json.End();
}

}  // namespace

std::string EventsJson(const EventRing::Look& look) {
  JsonWriter json;
  json.Begin();
  json.Add("last", look.last);
  json.AddList("events", look.events, [&](size_t i) { WriteEvent(look.events[i], json); });
  json.End();
  return json.Take();
}

void AnswerEvents(const Asked& asked, const AdminReply& reply) {
  uint64_t since = 0;
  if (const auto text = wire::FindParameter(asked.request.target, "since")) {
    const auto number = ParseNumber(*text);
    if (!number) return reply(RefusalAnswer(400, "since: the number of an event, such as 17"));
    since = *number;
  }
  reply({.body = EventsJson(asked.source.events().Since(since)) + "\n"});
}

}  // namespace sheaf
