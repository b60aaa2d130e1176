#include "proxy/admin/pool_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

constexpr std::array kPoolFields = {
    FieldRow{"pools[].backend", kText, "", "As in `/backends`."},
    FieldRow{"pools[].endpoint", kText, "", "As in `/backends`."},
    FieldRow{"pools[].mode", kWord, "", "`tunnel` or `mux`, as the backend's `mode` is now.", "tunnel|mux"},
    FieldRow{"pools[].state", kWord, "", "As in `/backends`.", "up|down|draining|unlisted|removed"},
    FieldRow{"pools[].min_size", kCount, "connections",
             "Kept ready: `pool.min_size` with `auto` resolved; of `mux` links, of which each worker keeps one at "
             "least. 0 where the endpoint gets nothing new."},
    FieldRow{"pools[].max_size", kCount, "connections", "`pool.max_size`, which holds for each endpoint."},
    FieldRow{"pools[].connections.<state>", kCount, "connections", "By state, of all workers."},
    FieldRow{"pools[].waiting", kCount, "requests", "That wait for a connection or a mux link now."},
    FieldRow{"pools[].longest_wait_seconds", kNumber, "seconds",
             "That the one of them which waits longest has waited so far."},
    FieldRow{"pools[].sessions", kCount, "sessions", "As in `/backends`."},
    FieldRow{"pools[].requests", kCount, "requests", "As in `/backends`."},
    FieldRow{"pools[].created", kCount, "connections", "That were established."},
    FieldRow{"pools[].reused", kCount, "leases", "Of a connection that had served an earlier lease."},
    FieldRow{"pools[].failed", kCount, "connections", "That could not be established."},
    FieldRow{"pools[].evicted", kCount, "connections", "Closed while they were idle."},
    FieldRow{"pools[].acquire_p50_ms", kNumber, "milliseconds",
             "That a lease was waited for, which half of the leases do not exceed, as told from the buckets of a "
             "histogram; 0 before the first one."},
    FieldRow{"pools[].acquire_p99_ms", kNumber, "milliseconds", "The same of 99 in 100."},
    FieldRow{
        "pools[].mux_links.<state>", kCount, "links",
        "That many sessions share, by state: `opening`, `ready` or `leaving`. They are among the connections, too."},
    FieldRow{"pools[].mux_sessions", kCount, "sessions", "On these links, handshakes among them."},
    FieldRow{"late_workers[]", kCount, "", "Workers that did not answer within two seconds."},
};
constexpr DocumentRow kPools = {.name = "Pools", .fields = kPoolFields};

constexpr std::array kPoolAnswers = {AnswerRow{200, "The connections to each endpoint", &kPools}};

constexpr std::array kRows = {
    ManualRow{
        kGet, "/pools",
        R"(The connections to each endpoint of each backend, in the order of their names, in the manner of PgBouncer's `SHOW POOLS`. All of it is by
endpoint. Counts begin with the endpoint. What waits and what mux links carry is asked of the workers: one that does not answer within two
seconds is missing in `waiting`, `longest_wait_seconds`, `mux_links` and `mux_sessions`, and named in `late_workers`.)",
        kPoolAnswers},
};

}  // namespace

std::span<const ManualRow> PoolManual() {
  return kRows;
}

}  // namespace sheaf
