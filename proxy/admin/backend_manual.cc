#include "proxy/admin/backend_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

constexpr std::array kBackendsFields = {
    FieldRow{"backends[].name", kText, "", "Of the `[[backend]]`; `default` is `[upstream]`."},
    FieldRow{"backends[].endpoints[].endpoint", kText, "",
             "Host and port, or `unix:` and a path; of a name that is looked up, an address that it leads to."},
    FieldRow{"backends[].endpoints[].state", kWord, "",
             "`up` or `down`, as the last attempt to reach it went (before the first one, `down`); or `draining` (an "
             "operator has said so), `unlisted` (its name does not lead there any more), `removed` (the configuration "
             "does not name it any more): it keeps its sessions, and gets nothing new.",
             "up|down|draining|unlisted|removed"},
    FieldRow{"backends[].endpoints[].up", kFlag, "", "The last attempt to reach it succeeded, whatever its state."},
    FieldRow{"backends[].endpoints[].sessions", kCount, "sessions",
             "What it has to do: WebSockets, Engine.IO sessions that poll, and requests."},
    FieldRow{"backends[].endpoints[].requests", kCount, "requests",
             "That were given to it, WebSocket handshakes included."},
    FieldRow{"backends[].endpoints[].failures", kCount, "attempts",
             "To connect to it, and health checks, that failed."},
    FieldRow{"backends[].endpoints[].connections.<state>", kCount, "connections", "To it, by state, of all workers."},
};

constexpr std::array kDrainFields = {
    FieldRow{"status", kWord, "", "", "ok"},
    FieldRow{"backend", kText, "", "Its name."},
    FieldRow{"endpoint", kText, "", "Its name."},
    FieldRow{"draining", kFlag, "", "Whether it gets nothing new from now on."},
};

constexpr DocumentRow kBackends = {.name = "Backends", .fields = kBackendsFields};
constexpr DocumentRow kEndpointDrain = {.name = "EndpointDrain", .fields = kDrainFields};

constexpr std::array kBackendsAnswers = {AnswerRow{200, "The endpoints of every backend", &kBackends}};
constexpr std::array kDrainAnswers = {
    AnswerRow{200, "It is so from now on", &kEndpointDrain},
    AnswerRow{404, "No backend has such an endpoint now", &kRefusalDocument},
};

constexpr std::array kRows = {
    ManualRow{
        kGet, "/backends",
        R"(The endpoints of every backend, in the order of their names: those that the configuration names, those that a name leads to, and those
that still have something to do.)",
        kBackendsAnswers},
    ManualRow{
        kPost, "/backends/{backend}/{endpoint}/drain",
        R"(The endpoint, named as in `GET /backends` (of a Unix socket `unix:/run/app.sock`, with its slashes or with `%2F`), gets no new sessions and no
requests but those of Engine.IO sessions that live there. Its WebSockets stay; with `reload.max_age` they are closed with 1012, spread over
that time. `POST .../undrain` ends it, and so does a restart of Sheaf. The answer is 200 with `status`, `backend`, `endpoint` and
`draining`, or 404 where no backend has such an endpoint now. When all endpoints of a backend are drained, new requests get 503
(`upstream_drained`).)",
        kDrainAnswers},
    ManualRow{kPost, "/backends/{backend}/{endpoint}/undrain",
              "Ends what `drain` has begun: the endpoint gets new sessions and requests again.", kDrainAnswers},
};

}  // namespace

std::span<const ManualRow> BackendManual() {
  return kRows;
}

}  // namespace sheaf
