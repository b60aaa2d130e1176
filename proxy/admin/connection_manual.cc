#include "proxy/admin/connection_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

constexpr std::array kRowFields = {
    FieldRow{"id", kText, "", "Of the session: worker and count, as in `session=` of the log."},
    FieldRow{"user", kText, "", "As `user_id` of `POST /api/messages` means it; empty: nobody has named one."},
    FieldRow{"path", kText, "", "Path and query as the log shows them (`log.path`, `log.query`)."},
    FieldRow{"route", kText, "", "Path of its route, `/` for all other requests."},
    FieldRow{"backend", kText, "", "That it goes to; `default` is `[upstream]`."},
    FieldRow{"endpoint", kText, "", "Of this backend."},
    FieldRow{
        "state", kWord, "",
        "The last of these that holds: `active`; `idle`: no application message for `memory.idle_after`, either way "
        "(pings are none); `slow`: the client does not keep up, its socket takes nothing at this moment; `closing`.",
        "active|idle|slow|closing"},
    FieldRow{"client", kText, "", "Its address, as in the access log."},
    FieldRow{"age_seconds", kNumber, "seconds", "Since its 101."},
    FieldRow{"idle_seconds", kNumber, "seconds", "Since its last application message, to within a second."},
    FieldRow{"queued_bytes", kCount, "bytes",
             "All that waits for the client here: written and not taken by the kernel, gathered, or half received."},
    FieldRow{"messages_in", kCount, "messages", "From the client."},
    FieldRow{"messages_out", kCount, "messages", "To the client."},
    FieldRow{"bytes_in", kCount, "bytes", "Payload of these messages, inflated."},
    FieldRow{"bytes_out", kCount, "bytes", "Payload of those to the client."},
    FieldRow{"frames_out", kCount, "frames", "In which they went to the client."},
    FieldRow{"batch_ratio", kNumber, "messages", "A frame: `messages_out` by `frames_out`."},
    FieldRow{"delivery", kWord, "", "What the client has: `off`, `cork`, or the name of its envelope.",
             "off|cork|json|binary|engineio|socketio-event"},
    FieldRow{"compression", kWord, "",
             "To the client: `none` was agreed on; `once`: each message by itself; `own`: in a context of its own; "
             "`shared`: once for all clients that get the same.",
             "none|once|own|shared"},
};

constexpr std::array kRateFields = {
    FieldRow{"messages_per_second?", kNumber, "messages a second",
             "To the client, over one second. With `sort=rate` only."},
    FieldRow{"bytes_per_second?", kNumber, "bytes a second", "Payload of these messages. With `sort=rate` only."},
};

constexpr std::array kMoreFields = {
    FieldRow{"started", kNumber, "seconds", "When, since 1970."},
    FieldRow{"user_agent", kText, "", "As the client sent it."},
    FieldRow{"request_id", kText, "", "As in the log."},
    FieldRow{"trace_id", kText, "", "Of its `traceparent`; empty without one."},
    FieldRow{"tls", kFlag, "", "The client's connection to Sheaf is encrypted."},
    FieldRow{"socket_io", kFlag, "", "It is a Socket.IO client, by its query."},
    FieldRow{"upstream.mode", kText, "",
             "`tunnel`: a connection of its own to the backend; `mux`: a link that others share; empty: the backend's "
             "side is over."},
    FieldRow{"upstream.reused", kFlag, "", "This connection or link had served somebody before."},
    FieldRow{"errors.backend_pauses", kCount, "times",
             "That the backend was not read, since too much waited for the client."},
    FieldRow{"errors.client_pauses", kCount, "times", "That the client was not read, since the backend took no more."},
    FieldRow{"errors.messages_dropped", kCount, "messages",
             "Dropped since the client was too slow (`batching.slow_client`)."},
    FieldRow{"errors.pushes_not_taken", kCount, "messages",
             "Of `POST /api/messages`, that were not taken since too much waited for the client."},
    FieldRow{"errors.pings_unanswered", kCount, "pings", "1 while Sheaf's last ping has no answer yet, else 0."},
};

constexpr auto kListedFields = Joined(kRowFields, kRateFields);
constexpr auto kDetailFields = Joined(kRowFields, kMoreFields);
constexpr DocumentRow kListed = {.name = "Connection", .fields = kListedFields};
constexpr DocumentRow kDetail = {.name = "ConnectionDetail", .fields = kDetailFields};

constexpr std::array kConnectionsFields = {
    FieldRow{"total", kCount, "sessions", "That the query names, of the workers that have answered."},
    FieldRow{"offset", kCount, "rows", "As asked for."},
    FieldRow{"limit", kCount, "rows", "As asked for."},
    FieldRow{
        "late_workers[]", kCount, "",
        "Workers that did not answer within two seconds, by index, as in the id of a session; theirs are missing."},
    FieldRow{"connections[]", kDocument, "", "A session each.", {}, &kListed},
};
constexpr DocumentRow kConnections = {.name = "Connections", .fields = kConnectionsFields};

constexpr std::array kConnectionsAnswers = {AnswerRow{200, "The sessions", &kConnections}};
constexpr std::array kConnectionAnswers = {
    AnswerRow{200, "The session", &kDetail},
    AnswerRow{404, "There is no such session now", &kRefusalDocument},
    AnswerRow{503, "Its worker has not answered within two seconds", &kRefusalDocument},
};

constexpr std::array kRows = {
    ManualRow{
        kGet, "/connections",
        R"(The WebSocket sessions that there are now, a page of them. It shows who is connected, so it asks for `admin.token` also on loopback; over a
Unix socket without one, the file's mode says who may come. HTTP requests and Socket.IO clients that poll are not in it.

Each page is taken anew: where sessions end meanwhile, one may be left out between two pages, and where others begin or move, one may be on
both. `sort=rate` takes a second longer, since the workers are asked twice.

What a client has sent and is no UTF-8 is written with `\xE9` for each such byte.

```sh
curl -H "Authorization: Bearer $TOKEN" 'http://127.0.0.1:9901/connections?state=slow&sort=queued&limit=10'
```)",
        kConnectionsAnswers},
    ManualRow{
        kGet, "/connections/{id}",
        R"(One session: the fields of a row above but for the rates, and those that follow. 404 when it is over, 503 when its worker has not answered
within two seconds. What counts in `errors` is from the session's beginning on; counts of pauses and pushes stay at 65,535.)",
        kConnectionAnswers},
};

}  // namespace

std::span<const ManualRow> ConnectionManual() {
  return kRows;
}

}  // namespace sheaf
