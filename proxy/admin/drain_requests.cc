#include "proxy/admin/drain_requests.h"

#include <functional>

#include "proxy/admin/json_writer.h"

namespace sheaf {
namespace {

std::string_view NameOf(DrainAnswer::State state) {
  switch (state) {
    case DrainAnswer::State::kServing:
      return "serving";
    case DrainAnswer::State::kDraining:
      return "draining";
    case DrainAnswer::State::kDrained:
      return "drained";
    case DrainAnswer::State::kRefused:
      break;
  }
  return "refused";
}

AdminAnswer AnswerOf(const DrainAnswer& drain) {
  if (drain.state == DrainAnswer::State::kRefused) return RefusalAnswer(409, drain.refusal);
  JsonWriter json;
  json.Begin();
  json.Add("status", NameOf(drain.state));
  json.Add("sessions", drain.sessions);
  if (drain.state == DrainAnswer::State::kDrained) json.Add("sessions_closed", drain.closed);
  json.End();
  return {.body = json.Take() + "\n"};
}

std::function<void(const DrainAnswer&)> Through(const AdminReply& reply) {
  return [reply](const DrainAnswer& drain) { reply(AnswerOf(drain)); };
}

}  // namespace

void BeginDrain(const Asked& asked, const AdminReply& reply) {
  asked.source.BeginDrain(Through(reply));
}

void AwaitDrain(const Asked& asked, const AdminReply& reply) {
  asked.source.AwaitDrain(Through(reply));
}

void BeginUndrain(const Asked& asked, const AdminReply& reply) {
  asked.source.Undrain(Through(reply));
}

}  // namespace sheaf
