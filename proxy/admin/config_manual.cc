#include "proxy/admin/config_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

constexpr std::array kConfigFields = {
    FieldRow{"generation", kCount, "", "Of the configuration: 1 at start, one more at each reload."},
    FieldRow{"file", kText, "", "The conf file; empty: there is none."},
    FieldRow{"sha256", kText, "", "Of the file as it was read; empty: there is none."},
    FieldRow{"age_seconds", kNumber, "seconds", "Since it was taken up."},
    FieldRow{"options[].name", kText, "", "`section.key`, all there are."},
    FieldRow{"options[].value", kAny, "", "As the conf file has it."},
    FieldRow{"options[].source", kWord, "", "`default`, `file`, `environment` or `command line`.",
             "default|file|environment|command line"},
    FieldRow{"options[].reload", kWord, "", "What a reload gives a new value to: `live`, `new sessions` or `restart`.",
             "live|new sessions|restart"},
    FieldRow{"routes[].path", kText, "", "As the configuration has it."},
    FieldRow{"routes[].backend", kText, "", "Its name."},
    FieldRow{"routes[].options[].name", kText, "", "A key of a `[[route]]`; all of them."},
    FieldRow{"routes[].options[].value", kAny, "", "As the conf file has it."},
    FieldRow{"routes[].options[].source", kWord, "", "`file`: the route sets it by itself. `inherited`.",
             "file|inherited"},
    FieldRow{"routes[].critical[]", kText, "", "Its critical rules, in short."},
    FieldRow{"routes[].conflate[]", kText, "", "Its conflation rules, in short."},
    FieldRow{"backends[].name", kText, "", "`default` is `[upstream]`."},
    FieldRow{"backends[].urls[]", kText, "", "As the configuration has it."},
    FieldRow{"backends[].options[].name", kText, "", "A key of a `[[backend]]`; all of them."},
    FieldRow{"backends[].options[].value", kAny, "", "As the conf file has it."},
    FieldRow{"backends[].options[].source", kWord, "", "As of routes.", "file|inherited"},
    FieldRow{"listeners[].address", kText, "", "One for each address."},
    FieldRow{"listeners[].options[].name", kText, "", "A key of a `[[listener]]`; all of them."},
    FieldRow{"listeners[].options[].value", kAny, "", "As the conf file has it."},
    FieldRow{"listeners[].options[].source", kWord, "", "As of routes.", "file|inherited"},
};
constexpr DocumentRow kConfig = {.name = "Config", .fields = kConfigFields};

// A key of a [[route]] is in force for each of them.
constexpr std::array kRouteFields = {
    FieldRow{"routes[].path", kText, "", "As the configuration has it."},
    FieldRow{"routes[].backend", kText, "", "Its name."},
    FieldRow{"routes[].response_timeout", kAny, "", "Its `response_timeout`, or `timeouts.response`."},
    FieldRow{"routes[].body_timeout", kAny, "", "Its `body_timeout`, or `timeouts.body`."},
    FieldRow{"routes[].max_body", kAny, "", "Its `max_body`, or `limits.max_body`."},
    FieldRow{"routes[].max_message", kAny, "", "Its `max_message`, or `limits.max_message`."},
    FieldRow{"routes[].max_upstream_message", kAny, "",
             "Its `max_upstream_message`, or `limits.max_upstream_message`."},
    FieldRow{"routes[].ping_interval", kAny, "", "Its `ping_interval`, or `websocket.ping_interval`."},
    FieldRow{"routes[].ping_timeout", kAny, "", "Its `ping_timeout`, or `websocket.ping_timeout`."},
    FieldRow{"routes[].allowed_origins", kAny, "", "Its `allowed_origins`, or `websocket.allowed_origins`."},
    FieldRow{"routes[].upstream_lost", kAny, "", "Its `upstream_lost`, or `websocket.upstream_lost`."},
    FieldRow{"routes[].delivery", kAny, "", "Its `delivery`, or `batching.delivery`."},
    FieldRow{"routes[].envelope", kAny, "", "Its `envelope`, or `batching.envelope`."},
    FieldRow{"routes[].size", kAny, "", "Its `size`, or `batching.size`."},
    FieldRow{"routes[].timeout", kAny, "", "Its `timeout`, or `batching.timeout`."},
    FieldRow{"routes[].cork_timeout", kAny, "", "Its `cork_timeout`, or `batching.cork_timeout`."},
    FieldRow{"routes[].max_bytes", kAny, "", "Its `max_bytes`, or `batching.max_bytes`."},
    FieldRow{"routes[].adaptive", kAny, "", "Its `adaptive`, or `batching.adaptive`."},
    FieldRow{"routes[].slow_client", kAny, "", "Its `slow_client`, or `batching.slow_client`."},
    FieldRow{"routes[].max_rate", kAny, "", "Its `max_rate`, or `batching.max_rate`."},
    FieldRow{"routes[].max_bytes_rate", kAny, "", "Its `max_bytes_rate`, or `batching.max_bytes_rate`."},
    FieldRow{"routes[].deflate", kAny, "", "Its `deflate`, or `deflate.enabled`."},
    FieldRow{"routes[].shed", kAny, "", "Its `shed`, or `memory.shed`."},
    FieldRow{"routes[].sessions", kCount, "sessions",
             "WebSockets open now. Those that began before a reload go on by the options of that time."},
    FieldRow{"routes[].requests", kCount, "requests", "Answered, WebSocket handshakes and refusals among them."},
    FieldRow{"routes[].by_status.<class>", kCount, "requests", "The same by class of the status, `1xx` to `5xx`."},
    FieldRow{"routes[].dropped", kCount, "messages", "Dropped because the client was too slow."},
    FieldRow{"routes[].critical[].rule", kText, "", "A critical rule, in short."},
    FieldRow{"routes[].critical[].messages", kCount, "messages", "That left at once by this rule."},
    FieldRow{"routes[].conflate[].rule", kText, "", "A conflation rule, in short."},
    FieldRow{"routes[].conflate[].messages", kCount, "messages", "Whose place a newer one took by this rule."},
};
constexpr DocumentRow kRoutes = {.name = "Routes", .fields = kRouteFields};

constexpr std::array kConfigAnswers = {AnswerRow{200, "The options in force", &kConfig}};
constexpr std::array kRouteAnswers = {AnswerRow{200, "The routes", &kRoutes}};

constexpr std::array kRows = {
    ManualRow{
        kGet, "/config",
        R"(The options in force, as `--dump-config` tells of those that a start would have. A value is written as the conf file has it: a number, a
text such as `"64KiB"` or `"5s"`, true or false, a list. Of a secret there is `"hidden"`, or `""` where there is none; one that comes from
a `token_file` has the source `default`, beside the file's name. An option that a restart alone can take up has the value that is in force.)",
        kConfigAnswers},
    ManualRow{
        kGet, "/routes",
        R"(What is in force for each route of the configuration, and what was counted there since the start; a reload that leaves its path leaves its
counts. Refusals are in `by_status` like all other answers; those of before the route was known are in no route.)",
        kRouteAnswers},
};

}  // namespace

std::span<const ManualRow> ConfigManual() {
  return kRows;
}

}  // namespace sheaf
