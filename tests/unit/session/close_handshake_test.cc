#include "proxy/session/close_handshake.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace sheaf {
namespace {

using Next = CloseHandshake::Next;

constexpr uint16_t kClients = 4001;
constexpr uint16_t kBackends = 4002;
constexpr uint16_t kOurs = 1012;

// c: the client's Close, b: the backend's, e: its orderly end, l: its loss, f: the client fails, d: we begin. What
// comes next after the last of them.
Next Play(CloseHandshake& close, std::string_view events) {
  Next next = Next::kNothing;
  for (const char event : events) {
    switch (event) {
      case 'c':
        next = close.ClientSpoke(kClients) ? close.AfterClient(true) : Next::kNothing;
        break;
      case 'b':
        if (!close.BackendSpoke(kBackends)) {
          next = Next::kEnd;
          break;
        }
        if (close.TellClient(kBackends)) CHECK(close.told_client());
        next = close.AfterBackend();
        break;
      case 'e':
        next = close.BackendEnded();
        break;
      case 'l':
        next = close.BackendLost(CloseReason::kUpstreamGone);
        break;
      case 'f':
        close.ClientFailed(CloseReason::kClientProtocolError);
        break;
      default:
        close.Begin(CloseReason::kDrain, false);
        CHECK(close.TellClient(kOurs));
        next = Next::kAwait;
    }
  }
  return next;
}

}  // namespace

TEST_CASE("what comes next, by who has spoken") {
  struct Row {
    const char* events;
    Next next;
    CloseReason reason;
    uint16_t code;
  };
  const Row rows[] = {
      {"c", Next::kAwait, CloseReason::kClientClosed, kClients},
      {"cc", Next::kNothing, CloseReason::kClientClosed, kClients},
      {"cb", Next::kEnd, CloseReason::kClientClosed, kClients},
      {"ce", Next::kEnd, CloseReason::kClientClosed, kClients},
      {"cl", Next::kEnd, CloseReason::kClientClosed, kClients},
      {"b", Next::kAwait, CloseReason::kUpstreamClosed, kBackends},
      {"bc", Next::kEnd, CloseReason::kUpstreamClosed, kBackends},
      {"be", Next::kNothing, CloseReason::kUpstreamClosed, kBackends},
      {"bl", Next::kNothing, CloseReason::kUpstreamClosed, kBackends},
      {"bec", Next::kEnd, CloseReason::kUpstreamClosed, kBackends},
      {"e", Next::kEnd, CloseReason::kNone, 0},
      {"l", Next::kSpread, CloseReason::kNone, 0},
      {"fl", Next::kEnd, CloseReason::kClientProtocolError, 0},
      {"fb", Next::kEnd, CloseReason::kClientProtocolError, 0},
      {"dc", Next::kEnd, CloseReason::kDrain, kOurs},
      {"db", Next::kAwait, CloseReason::kDrain, kOurs},
      {"dl", Next::kEnd, CloseReason::kDrain, kOurs},
      {"dbc", Next::kEnd, CloseReason::kDrain, kOurs},
  };
  for (const Row& row : rows) {
    const std::string events = row.events;
    CAPTURE(events);
    CloseHandshake close;
    CHECK(Play(close, events) == row.next);
    CHECK(close.reason() == row.reason);
    CHECK_EQ(close.code(), row.code);
  }
}

TEST_CASE("a backend that broke off for another reason than its death is the end at once") {
  CHECK(CloseHandshake().BackendLost(CloseReason::kUpstreamProtocolError) == Next::kEnd);
}

TEST_CASE("without a backend nobody answers the client's Close but we") {
  CloseHandshake close;
  CHECK(close.ClientSpoke(kClients));
  CHECK(close.AfterClient(false) == Next::kEnd);
}

TEST_CASE("a client that leaves after its Close has closed, any other is gone") {
  CloseHandshake close;
  CHECK(close.ClientLeft() == CloseReason::kClientGone);
  CHECK(close.client_left());
  CloseHandshake spoke;
  CHECK(spoke.ClientSpoke(kClients));
  CHECK(spoke.ClientLeft() == CloseReason::kClientClosed);
}

TEST_CASE("the first reason and the first code stay, and the client is told once") {
  CloseHandshake close;
  close.Begin(CloseReason::kMemoryShed, true);
  CHECK(close.waits());
  close.StopWaiting();
  CHECK_FALSE(close.waits());
  close.Note(CloseReason::kDrain);
  CHECK(close.reason() == CloseReason::kMemoryShed);
  CHECK(close.TellClient(1013));
  CHECK_FALSE(close.TellClient(1012));
  CHECK_EQ(close.code(), 1013);
}

}  // namespace sheaf
