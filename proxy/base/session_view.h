// What an operator sees of sessions, and how they are asked for: made by the workers (proxy/connection_lister.h), shown
// by the admin listener (proxy/admin/connections_json.h). Plain values.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/session_id.h"

namespace sheaf {

// What a session is, the last of these that holds.
enum class SessionCondition : uint8_t {
  kActive,
  kIdle,  // no application message for memory.idle_after
  kSlow,  // the client's socket takes nothing at the moment: what comes for it waits
  kClosing,
};
inline constexpr std::array<std::string_view, 4> kSessionConditionNames = {"active", "idle", "slow", "closing"};

// To the client, in a second.
struct SessionRates {
  double messages = 0;
  double bytes = 0;  // of their payload
};

struct SessionView {
  SessionId id = {};
  std::string user = {};      // empty: none
  std::string path = {};      // with the query, as they may be shown
  std::string route = {};     // its path
  std::string backend = {};   // its name
  std::string endpoint = {};  // empty: the backend's side is over
  std::string client = {};
  SessionCondition condition = SessionCondition::kActive;
  Duration age = {};
  Duration idle = {};
  uint64_t queued_bytes = 0;  // all that waits for the client
  uint64_t messages_in = 0;   // from the client
  uint64_t messages_out = 0;
  uint64_t bytes_in = 0;  // of their payload
  uint64_t bytes_out = 0;
  uint64_t frames_out = 0;
  // Constants: "off", "cork", or an envelope's name; "none", "once" (each message by itself), "own" (a context of the
  // client's own), or "shared" (once for all clients that get the same).
  std::string_view delivery = {};
  std::string_view compression = {};
  std::optional<SessionRates> rates = {};  // where they were asked for
};

// Of one session, from its beginning on. What counts to 65,535 only stays there.
struct SessionErrors {
  uint64_t backend_pauses = 0;    // the backend was not read, since too much waited for the client; 16 bits
  uint64_t client_pauses = 0;     // the client was not read, since the backend took no more; 16 bits
  uint64_t messages_dropped = 0;  // since the client was too slow (batching.slow_client)
  uint64_t pushes_not_taken = 0;  // since too much waited for the client; 16 bits
  uint64_t pings_unanswered = 0;  // 1: our last ping is not answered yet
};

struct SessionDetail {
  SessionView view = {};
  std::chrono::system_clock::time_point started = {};
  std::string user_agent = {};
  std::string request_id = {};
  std::string trace_id = {};  // empty: none
  bool tls = false;           // the client's connection
  bool socket_io = false;
  std::string_view upstream_mode = {};  // a constant: "tunnel" or "mux"; empty: the backend's side is over
  bool reused = false;                  // the upstream link had served somebody before
  SessionErrors errors = {};
};

struct SessionQuery {
  enum class Sort : uint8_t {
    kIdle,
    kBytes,  // of payload, both ways
    kRate,   // bytes of payload to the client in a second
    kQueued,
    kAge,
  };
  static constexpr std::array<std::string_view, 5> kSortNames = {"idle", "bytes", "rate", "queued", "age"};

  // Which ones; empty: all.
  std::string user = {};
  std::string path = {};  // at or under it, as Push::whom
  std::string backend = {};
  std::string endpoint = {};
  std::optional<SessionCondition> condition = {};

  Sort sort = Sort::kAge;
  bool ascending = false;
  size_t limit = 100;
  size_t offset = 0;
};

// A session's place among others, the same in all parts of an answer.
struct SessionPlace {
  double key = 0;     // by SessionQuery::sort: the greater, the earlier, unless `ascending`
  SessionId id = {};  // where keys are equal, the smaller one is first

  struct Before {
    bool ascending = false;
    bool operator()(const SessionPlace& a, const SessionPlace& b) const {
      if (a.key != b.key) return ascending ? a.key < b.key : a.key > b.key;
      return a.id < b.id;
    }
  };
};

struct SessionList {
  uint64_t total = 0;  // that the query names, of the workers that answered
  std::vector<SessionView> rows = {};
  std::vector<size_t> late = {};  // workers that have not answered in time
};

struct SessionFound {
  std::optional<SessionDetail> detail = {};  // nullopt: it is over, or its worker is late
  std::vector<size_t> late = {};
};

}  // namespace sheaf
