#include "proxy/admin/message_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

constexpr std::array kMessageKeys = {
    FieldRow{"session_id?", kText, "",
             "One session, by the id that the log shows at its end (`session=2-1f3a`: worker and count)."},
    FieldRow{"user_id?", kText, "",
             "All sessions of a user: as `identity.user_header` says, in the request of a proxy named in "
             "`forwarded.trusted_proxies`, or in the backend's 101, which goes before it."},
    FieldRow{"path?", kText, "",
             "Sessions whose request path is this one or under it: `/ws` has `/ws`, `/ws/room` and `/ws?x=1`, but not "
             "`/wsx`; `/` has all. With `log.path = \"route\"` Sheaf keeps only the path of the session's `[[route]]`, "
             "and that is what counts."},
    FieldRow{"all?", kFlag, "", "`true`: all sessions."},
    FieldRow{"text?", kText, "", "A text message. JSON for clients is written as a text."},
    FieldRow{"binary?", kText, "", "A binary message, in base64 with padding."},
    FieldRow{"event?", kText, "",
             "A Socket.IO event with this name: the packet `42[\"name\",data]` is made. It goes to sessions of "
             "Socket.IO clients alone."},
    FieldRow{"data?", kAny, "",
             "The event's argument, any JSON; without it the event has none. Numbers are passed on as 64-bit integers "
             "or doubles."},
    FieldRow{"namespace?", kText, "", "The event's namespace, such as `/admin`; without it the default one."},
    FieldRow{"message_type?", kWord, "",
             "`individual` (as shipped): as a message of the backend, it may be gathered where that is worth it. "
             "`batch`: it waits for company, up to `batching.timeout` (`cork_timeout`). `critical`: it leaves at once, "
             "behind what is gathered.",
             "individual|batch|critical"},
};
constexpr std::array<std::string_view, 2> kOneOf = {"session_id|user_id|path|all", "text|binary|event"};
constexpr DocumentRow kMessage = {.name = "Message", .fields = kMessageKeys, .one_of = kOneOf};

constexpr std::array kMessagesKeys = {
    FieldRow{"messages[]", kDocument, "", "At least one, each as for `POST /api/messages`.", {}, &kMessage},
};
constexpr DocumentRow kMessages = {.name = "Messages", .fields = kMessagesKeys};

constexpr std::array kPushFields = {
    FieldRow{"status", kWord, "", "`ok`; `late` if a worker has not answered.", "ok|late"},
    FieldRow{"sessions", kCount, "", "Sessions that took it."},
    FieldRow{"not_taken", kCount, "", "Sessions that did not, since too much waits for their clients."},
    FieldRow{"not_socketio", kCount, "",
             "Sessions that did not, since they are no Socket.IO clients and it is an event."},
    FieldRow{"pods", kCount, "", "Sheaf processes that were asked: 1."},
    FieldRow{"late_workers[]", kCount, "",
             "Workers that did not answer within two seconds, by index, as in the id of a session. What they deliver "
             "later is in no count."},
};
constexpr DocumentRow kPush = {.name = "Push", .fields = kPushFields};

constexpr std::array kPushesFields = {
    FieldRow{"status", kWord, "", "`ok`; `late` if a worker has not answered.", "ok|late"},
    FieldRow{"sessions", kCount, "", "Sessions that took one, all messages together."},
    FieldRow{"not_taken", kCount, "", "The same that did not, since too much waits for their clients."},
    FieldRow{"not_socketio", kCount, "",
             "The same that did not, since they are no Socket.IO clients and it was an event."},
    FieldRow{"pods", kCount, "", "Sheaf processes that were asked: 1."},
    FieldRow{"late_workers[]", kCount, "",
             "Workers that did not answer within two seconds, by index, as in the id of a session. What they deliver "
             "later is in no count."},
    FieldRow{"messages[].sessions", kCount, "", "The same of each message, in their order."},
    FieldRow{"messages[].not_taken", kCount, "", ""},
    FieldRow{"messages[].not_socketio", kCount, "", ""},
    FieldRow{"messages[].error?", kText, "", "Where there is no such session, or it does not speak Socket.IO."},
};
constexpr DocumentRow kPushes = {.name = "Pushes", .fields = kPushesFields};

constexpr std::array kPushAnswers = {
    AnswerRow{200, "Whom it reached", &kPush},
    AnswerRow{404, "There is no such session", &kRefusalDocument},
    AnswerRow{409, "The session does not speak Socket.IO", &kRefusalDocument},
};
constexpr std::array kPushesAnswers = {AnswerRow{200, "Whom they reached", &kPushes}};

constexpr std::array kRows = {
    ManualRow{
        kPost, "/api/messages",
        R"(Sends one message to clients that are connected now. The body is a JSON object of at most 1 MiB, with a `Content-Length` or in chunks, of
whatever `Content-Type`; `admin.token` is asked for, as for all that changes something.

- It stands behind what the backend has sent by then, and in front of what the backend sends after the answer. It never comes amid
  another message: where the backend's is passed on in parts, it waits for the end. Rules (`critical`, `conflate`), compression and batch
  frames are those of the session; what many sessions get is made once a worker.
- A client that reads too slowly is treated as `batching.slow_client` says, except that nobody can be paused: with `pause` and `conflate` a
  message that would wait behind more than `limits.buffer_high` is not taken, and counts in `not_taken`.
- A session that is closing gets nothing and is not counted. A Socket.IO client that polls has no WebSocket and cannot be reached.
- Nothing is kept for who is not there: an id that is over, or another process's, is answered with 404; a user without a session is not an
  error.

```sh
curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:9901/api/messages -d '{"user_id":"alice","text":"{\"paid\":true}"}'
```)",
        kPushAnswers, &kMessage},
    ManualRow{
        kPost, "/api/messages/batch",
        R"(Many at once: `{"messages":[...]}`, at most 8 MiB, each as above. All are checked before any is sent: if one is wrong, the answer names it
(`messages[3]: ...`) and nothing is sent. They are sent in their order, also to a client that gets several. The answer has the same fields,
with sums, and `messages`, a list with `sessions`, `not_taken` and `not_socketio` of each, and `error` where there is no such session or it
does not speak Socket.IO.)",
        kPushesAnswers, &kMessages},
};

}  // namespace

std::span<const ManualRow> MessageManual() {
  return kRows;
}

}  // namespace sheaf
