#include "proxy/admin/connections_json.h"

#include <chrono>
#include <cmath>

#include "proxy/admin/json_writer.h"

namespace sheaf {
namespace {

double InThousandths(double number) {
  return std::round(number * 1000) / 1000;
}

template <typename Duration>
double Seconds(Duration duration) {
  return InThousandths(std::chrono::duration<double>(duration).count());
}

// Messages a frame.
double BatchRatio(const SessionView& view) {
  return view.frames_out == 0
             ? 0
             : InThousandths(static_cast<double>(view.messages_out) / static_cast<double>(view.frames_out));
}

void WriteView(const SessionView& view, JsonWriter& json) {
  json.Add("id", view.id.ToString());
  json.Add("user", view.user);
  json.Add("path", view.path);
  json.Add("route", view.route);
  json.Add("backend", view.backend);
  json.Add("endpoint", view.endpoint);
  json.Add("state", kSessionConditionNames[static_cast<size_t>(view.condition)]);
  json.Add("client", view.client);
  json.Add("age_seconds", Seconds(view.age));
  json.Add("idle_seconds", Seconds(view.idle));
  json.Add("queued_bytes", view.queued_bytes);
  json.Add("messages_in", view.messages_in);
  json.Add("messages_out", view.messages_out);
  json.Add("bytes_in", view.bytes_in);
  json.Add("bytes_out", view.bytes_out);
  json.Add("frames_out", view.frames_out);
  json.Add("batch_ratio", BatchRatio(view));
  json.Add("delivery", view.delivery);
  json.Add("compression", view.compression);
  if (!view.rates) return;
  json.Add("messages_per_second", InThousandths(view.rates->messages));
  json.Add("bytes_per_second", InThousandths(view.rates->bytes));
}

void WriteErrors(const SessionErrors& errors, JsonWriter& json) {
  json.Begin("errors");
  json.Add("backend_pauses", errors.backend_pauses);
  json.Add("client_pauses", errors.client_pauses);
  json.Add("messages_dropped", errors.messages_dropped);
  json.Add("pushes_not_taken", errors.pushes_not_taken);
  json.Add("pings_unanswered", errors.pings_unanswered);
  json.End();
}

}  // namespace

std::string ConnectionsJson(const SessionQuery& query, const SessionList& list) {
  JsonWriter json;
  json.Begin();
  json.Add("total", list.total);
  json.Add("offset", uint64_t{query.offset});
  json.Add("limit", uint64_t{query.limit});
  json.AddList("connections", list.rows, [&](size_t i) { WriteView(list.rows[i], json); });
  json.AddNumbers("late_workers", list.late);
  json.End();
  return json.Take();
}

std::string ConnectionJson(const SessionDetail& detail) {
  JsonWriter json;
  json.Begin();
  WriteView(detail.view, json);
  json.Add("started", Seconds(detail.started.time_since_epoch()));
  json.Add("user_agent", detail.user_agent);
  json.Add("request_id", detail.request_id);
  json.Add("trace_id", detail.trace_id);
  json.Add("tls", detail.tls);
  json.Add("socket_io", detail.socket_io);
  json.Begin("upstream");
  json.Add("mode", detail.upstream_mode);
  json.Add("reused", detail.reused);
  json.End();
  WriteErrors(detail.errors, json);
  json.End();
  return json.Take();
}

}  // namespace sheaf
