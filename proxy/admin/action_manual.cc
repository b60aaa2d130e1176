#include "proxy/admin/action_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

// Whom an action concerns.
constexpr std::array kSelectorKeys = {
    FieldRow{"session_id?", kText, "",
             "One session, by its id, as in `GET /connections` and in `session=` of the log."},
    FieldRow{"user_id?", kText, "", "All sessions of a user."},
    FieldRow{"path?", kText, "", "Sessions whose path is this one or under it, as for `POST /api/messages`."},
    FieldRow{"backend?", kText, "",
             "Sessions of a backend, or of one of its endpoints: `<name>/<endpoint>`, as in `GET /backends`."},
    FieldRow{"all?", kFlag, "", "`true`: all sessions."},
};
constexpr std::array<std::string_view, 1> kOneSelector = {"session_id|user_id|path|backend|all"};

constexpr std::array kCloseWords = {
    FieldRow{"code?", kCount, "", "Of the Close: 1000, 1001, 1008, 1011, 1012 (as shipped), 1013, or 3000 to 4999."},
    FieldRow{"reason?", kText, "", "Of the Close, at most 123 bytes."},
    FieldRow{"over?", kText, "",
             "The time over which they are closed, evenly, longest idle first: `10s`; at once without it."},
};
constexpr auto kCloseKeys = Joined(kSelectorKeys, kCloseWords);
constexpr std::array kRebalanceKeys = {
    FieldRow{"share", kNumber, "fraction", "Of the sessions: over 0, at most 1."},
    FieldRow{"over?", kText, "", "The time over which they are closed, evenly; `1m` without it."},
};
constexpr std::array kLevelKeys = {
    FieldRow{"level", kWord, "", "", "debug|info|warning|error"},
};
constexpr DocumentRow kFlushBody = {.name = "FlushBody", .fields = kSelectorKeys, .one_of = kOneSelector};
constexpr DocumentRow kCloseBody = {.name = "CloseBody", .fields = kCloseKeys, .one_of = kOneSelector};
constexpr DocumentRow kRebalanceBody = {.name = "RebalanceBody", .fields = kRebalanceKeys};
constexpr DocumentRow kLevelBody = {.name = "LogLevelBody", .fields = kLevelKeys};

constexpr std::array kCloseFields = {
    FieldRow{"status", kWord, "", "`ok`; `late` if a worker has not answered.", "ok|late"},
    FieldRow{"sessions", kCount, "sessions", "That it concerns."},
    FieldRow{"late_workers[]", kCount, "",
             "Workers that did not answer within two seconds, by index, as in the id of a session."},
};
constexpr std::array kFlushedField = {FieldRow{"bytes", kCount, "bytes", "That left."}};
constexpr auto kFlushFields = Joined(kCloseFields, kFlushedField);
constexpr std::array kLevelFields = {
    FieldRow{"status", kWord, "", "", "ok"},
    FieldRow{"level", kText, "", "That holds now."},
    FieldRow{"before", kText, "", "That held before."},
};
constexpr std::array kDrainFields = {
    FieldRow{"status", kWord, "", "", "serving|draining|drained"},
    FieldRow{"sessions", kCount, "sessions", "That are open now."},
    FieldRow{"sessions_closed?", kCount, "sessions", "When it is over: that the drain has closed."},
};
constexpr DocumentRow kFlush = {.name = "Flush", .fields = kFlushFields};
constexpr DocumentRow kClose = {.name = "Close", .fields = kCloseFields};
constexpr DocumentRow kLevel = {.name = "LogLevel", .fields = kLevelFields};
constexpr DocumentRow kDrain = {.name = "Drain", .fields = kDrainFields};

constexpr AnswerRow kNobody = {404, "There is no such session", &kRefusalDocument};
constexpr AnswerRow kTooLate = {409, "The process is on its way out", &kRefusalDocument};
constexpr std::array kFlushAnswers = {AnswerRow{200, "It has left", &kFlush}, kNobody};
constexpr std::array kCloseAnswers = {AnswerRow{200, "They are closed, or will be", &kClose}, kNobody};
constexpr std::array kRebalanceAnswers = {AnswerRow{200, "They will be closed", &kClose}};
constexpr std::array kLevelAnswers = {AnswerRow{200, "It holds", &kLevel}};
constexpr std::array kDrainAnswers = {AnswerRow{200, "It is so", &kDrain}, kTooLate};

constexpr std::array kRows = {
    ManualRow{
        kPost, "/drain",
        R"(Begins the drain of the process, as SIGTERM does, but does not end it: `/readyz` fails at once, after `drain.delay` nobody new is
accepted, and each session gets what is queued and a Close 1012, spread over `drain.timeout`.)",
        kDrainAnswers},
    ManualRow{kGet, "/drain",
              "The same, but the answer comes when it is over: for preStop hooks. A second one joins the first.",
              kDrainAnswers},
    ManualRow{kPost, "/undrain", "Ends a drain: clients may come again, and sessions that were not told to go stay.",
              kDrainAnswers},
    ManualRow{.method = kPost,
              .path = "/flush",
              .prose = "What is gathered for sessions leaves now. Without a body: of all of them.",
              .answers = kFlushAnswers,
              .body = &kFlushBody,
              .needs_body = false},
    ManualRow{kPost, "/close", "Closes sessions politely: each gets what is queued for it, and a Close.", kCloseAnswers,
              &kCloseBody},
    ManualRow{
        kPost, "/rebalance",
        R"(Closes a share of the sessions with 1012, longest idle first: after a scale-out, so that they come again and land elsewhere.)",
        kRebalanceAnswers, &kRebalanceBody},
    ManualRow{kPost, "/log_level", "Until the next reload or restart.", kLevelAnswers, &kLevelBody},
};

}  // namespace

std::span<const ManualRow> ActionManual() {
  return kRows;
}

}  // namespace sheaf
