#include "proxy/admin/backend_requests.h"

#include "proxy/admin/backends_json.h"
#include "proxy/admin/json_writer.h"

namespace sheaf {
namespace {

void SetDraining(const Asked& asked, bool draining, const AdminReply& reply) {
  const size_t slash = asked.name.find('/');
  if (slash == std::string::npos) {
    return reply(RefusalAnswer(404, "what can be drained is /backends/<backend>/<endpoint>"));
  }
  const std::string backend = asked.name.substr(0, slash);
  const std::string endpoint = asked.name.substr(slash + 1);
  if (!asked.source.SetDraining(backend, endpoint, draining)) {
    return reply(RefusalAnswer(404, "no backend has an endpoint of this name now: GET /backends lists them"));
  }
  JsonWriter json;
  json.Begin();
  json.Add("status", std::string_view("ok"));
  json.Add("backend", backend);
  json.Add("endpoint", endpoint);
  json.Add("draining", draining);
  json.End();
  reply({.body = json.Take() + "\n"});
}

}  // namespace

void AnswerBackends(const Asked& asked, const AdminReply& reply) {
  reply({.body = BackendsJson(asked.source.metrics().endpoints().All()) + "\n"});
}

void BeginDrainOfEndpoint(const Asked& asked, const AdminReply& reply) {
  SetDraining(asked, true, reply);
}

void BeginUndrainOfEndpoint(const Asked& asked, const AdminReply& reply) {
  SetDraining(asked, false, reply);
}

}  // namespace sheaf
