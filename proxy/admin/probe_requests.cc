#include "proxy/admin/probe_requests.h"

#include "proxy/admin/json_writer.h"

namespace sheaf {
namespace {

AdminAnswer Probe(bool well, std::string_view reason) {
  JsonWriter json;
  json.Begin();
  json.Add("status", std::string_view(well ? "ok" : "failed"));
  if (!well) json.Add("reason", reason);
  json.End();
  return {.status = well ? 200 : 503, .body = json.Take() + "\n"};
}

}  // namespace

void AnswerLive(const Asked& asked, const AdminReply& reply) {
  reply(Probe(asked.live, "a worker hangs"));
}

void AnswerReady(const Asked& asked, const AdminReply& reply) {
  const AdminSource::Readiness readiness = asked.source.ready();
  reply(Probe(readiness.ready, readiness.reason));
}

void AnswerStarted(const Asked& asked, const AdminReply& reply) {
  reply(Probe(asked.source.started(), "not listening yet"));
}

}  // namespace sheaf
