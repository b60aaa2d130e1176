#include "proxy/admin/reload_requests.h"

#include "proxy/admin/json_writer.h"

namespace sheaf {
namespace {

AdminAnswer AnswerOf(const ReloadAnswer& reload) {
  JsonWriter json;
  json.Begin();
  json.Add("status", std::string_view(reload.taken ? "ok" : "failed"));
  json.Add("generation", reload.generation);
  json.Add("sha256", reload.digest);
  if (!reload.taken) json.Add("error", reload.error);
  json.AddTexts("needs_restart", reload.needs_restart);
  json.End();
  return {.status = reload.taken ? 200 : 422, .body = json.Take() + "\n"};
}

}  // namespace

void BeginReload(const Asked& asked, const AdminReply& reply) {
  asked.source.Reload([reply](const ReloadAnswer& reload) { reply(AnswerOf(reload)); });
}

}  // namespace sheaf
