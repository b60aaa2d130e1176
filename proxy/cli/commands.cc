#include "proxy/cli/commands.h"

#include <array>

#include "proxy/cli/printers.h"
#include "proxy/cli/stats_text.h"

namespace sheaf::cli {
namespace {

constexpr std::array<std::string_view, 5> kSortWords = {"age", "bytes", "idle", "queued", "rate"};
constexpr std::array<std::string_view, 4> kTopSortWords = {"bytes", "idle", "queued", "rate"};
constexpr std::array<std::string_view, 4> kStateWords = {"active", "closing", "idle", "slow"};
constexpr std::array<std::string_view, 2> kOrderWords = {"asc", "desc"};
constexpr std::array<std::string_view, 3> kTypeWords = {"batch", "critical", "individual"};
constexpr std::array<std::string_view, 4> kLevelWords = {"debug", "error", "info", "warning"};

constexpr ArgumentRow kSession{"--session", "ID",         "session_id",
                               Form::kText, Group::kWhom, "One session, by the id that connections and the log show"};
constexpr ArgumentRow kUser{"--user", "USER", "user_id", Form::kText, Group::kWhom, "All sessions of a user"};
constexpr ArgumentRow kPath{"--path",    "PATH",       "path",
                            Form::kText, Group::kWhom, "All sessions whose path is this one or under it"};
constexpr ArgumentRow kBackend{"--backend",  "BACKEND",
                               "backend",    Form::kText,
                               Group::kWhom, "All sessions of a backend, or of one endpoint: name/endpoint"};
constexpr ArgumentRow kAll{"--all", "", "all", Form::kTrue, Group::kWhom, "All sessions"};
constexpr ArgumentRow kOver{"--over",       "TIME",
                            "over",         Form::kText,
                            Group::kOption, "Spread evenly over this time, such as 30s; by itself at once"};

constexpr std::array kTopArguments = {
    ArgumentRow{"--interval", "SECONDS", "", Form::kOwn, Group::kOption,
                "Look again each so many seconds; by itself 2"},
    ArgumentRow{"--once", "", "", Form::kOwn, Group::kOption, "One look, over one interval, as plain text"},
    ArgumentRow{"--sort", "ORDER", "", Form::kOwn, Group::kOption, "Which connections come first; by itself bytes",
                kTopSortWords},
};

constexpr std::array kConnectionsArguments = {
    ArgumentRow{"ID", "ID", "", Form::kInPath, Group::kOption, "One session: everything about it"},
    ArgumentRow{"--user", "USER", "user", Form::kText, Group::kOption, "Sessions of a user"},
    ArgumentRow{"--path", "PATH", "path", Form::kText, Group::kOption, "Sessions whose path is this one or under it"},
    ArgumentRow{"--state", "STATE", "state", Form::kText, Group::kOption, "Sessions in this state", kStateWords},
    ArgumentRow{"--backend", "BACKEND", "backend", Form::kText, Group::kOption,
                "Sessions of a backend, or of one endpoint: name/endpoint"},
    ArgumentRow{"--sort", "ORDER", "sort", Form::kText, Group::kOption, "Which come first; by itself the oldest",
                kSortWords},
    ArgumentRow{"--order", "ORDER", "order", Form::kText, Group::kOption, "The most first (desc), or the least",
                kOrderWords},
    ArgumentRow{"--limit", "N", "limit", Form::kNumber, Group::kOption, "How many; by itself 100, at most 1000"},
    ArgumentRow{"--offset", "N", "offset", Form::kNumber, Group::kOption, "How many to leave out before them"},
};

constexpr std::array kCloseArguments = {
    kSession,
    kUser,
    kPath,
    kBackend,
    kAll,
    ArgumentRow{"--code", "N", "code", Form::kNumber, Group::kOption, "Of the Close; by itself 1012"},
    ArgumentRow{"--reason", "TEXT", "reason", Form::kText, Group::kOption, "Of the Close, at most 123 bytes"},
    kOver,
};

constexpr std::array kFlushArguments = {kSession, kUser, kPath, kBackend, kAll};

constexpr std::array kPushArguments = {
    kSession,
    kUser,
    kPath,
    kAll,
    ArgumentRow{"--text", "TEXT", "text", Form::kInput, Group::kWhat, "A text message; -: what standard input has"},
    ArgumentRow{"--binary-file", "FILE", "binary", Form::kFile, Group::kWhat,
                "A binary message: what the file has; -: standard input"},
    ArgumentRow{"--event", "NAME", "event", Form::kText, Group::kWhat, "A Socket.IO event, to Socket.IO clients alone"},
    ArgumentRow{"--data", "JSON", "data", Form::kJson, Group::kOption, "The event's argument"},
    ArgumentRow{"--namespace", "NAMESPACE", "namespace", Form::kText, Group::kOption,
                "The event's namespace, such as /admin"},
    ArgumentRow{
        "--type", "TYPE", "message_type", Form::kText, Group::kOption,
        "Whether it is gathered (batch), leaves at once (critical), or as a message of the backend (individual)",
        kTypeWords},
};

constexpr std::array kDrainArguments = {
    ArgumentRow{"--no-wait", "", "", Form::kPost, Group::kOption, "Return as soon as it has begun"},
};

constexpr std::array kRebalanceArguments = {
    ArgumentRow{"--share", "SHARE", "share", Form::kShare, Group::kMust, "Of the sessions: 25% or 0.25"},
    kOver,
};

constexpr std::array kLogLevelArguments = {
    ArgumentRow{"LEVEL", "LEVEL", "level", Form::kText, Group::kMust, "The least that is logged", kLevelWords},
};

// drain.timeout is at most an hour, and the request may wait behind a reload.
constexpr std::chrono::minutes kDrainPatience(65);
constexpr std::chrono::minutes kReloadPatience(1);

constexpr std::array kCommands = {
    CommandRow{"stats", "GET", "/api/performance/websocket/stats", {}, &PrintStats, "The figures to look at first"},
    CommandRow{"top", "", "", kTopArguments, nullptr, "The same as they change, with connections and events"},
    CommandRow{"connections", "GET", "/connections", kConnectionsArguments, &PrintConnections,
               "The sessions, or all about one"},
    CommandRow{"push", "POST", "/api/messages", kPushArguments, &PrintAnswer, "Send a message to clients"},
    CommandRow{"close", "POST", "/close", kCloseArguments, &PrintAnswer,
               "Close sessions politely: what is queued goes first"},
    CommandRow{.name = "flush",
               .method = "POST",
               .path = "/flush",
               .arguments = kFlushArguments,
               .print = &PrintAnswer,
               .doc = "Have what is gathered for batches leave now, of all sessions or of some",
               .whom_may_miss = true},
    CommandRow{"rebalance", "POST", "/rebalance", kRebalanceArguments, &PrintAnswer,
               "Close a share of the sessions, longest idle first, so that they come back elsewhere"},
    CommandRow{.name = "drain",
               .method = "GET",
               .path = "/drain",
               .arguments = kDrainArguments,
               .print = &PrintAnswer,
               .doc = "Take leave of all clients as SIGTERM does, and return when it is done; Sheaf runs on",
               .patience = kDrainPatience},
    CommandRow{"undrain", "POST", "/undrain", {}, &PrintAnswer, "Serve again after drain"},
    CommandRow{.name = "reload",
               .method = "POST",
               .path = "/reload",
               .arguments = {},
               .print = &PrintAnswer,
               .doc = "Have the conf file read anew, and return when it is in force",
               .patience = kReloadPatience},
    CommandRow{"log-level", "POST", "/log_level", kLogLevelArguments, &PrintAnswer,
               "Log more or less, until the next reload"},
};

constexpr std::array kCommonArguments = {
    ArgumentRow{kJsonFlag, "", "", Form::kOwn, Group::kOption, "Print the answer as it came, in JSON"},
    ArgumentRow{kAdminOption, "ADDRESS", "", Form::kOwn, Group::kOption,
                "Where to ask: host:port, :port or unix:/path; by itself admin.address of the configuration"},
    ArgumentRow{kTokenFileOption, "FILE", "", Form::kOwn, Group::kOption,
                "A file with the token; by itself admin.token or admin.token_file of the configuration"},
};

}  // namespace

std::span<const CommandRow> Commands() {
  return kCommands;
}

std::span<const ArgumentRow> CommonArguments() {
  return kCommonArguments;
}

}  // namespace sheaf::cli
