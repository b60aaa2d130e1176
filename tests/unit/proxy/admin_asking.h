// Asks as Admin does, without a socket: a head in, an answer out.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/admin/access.h"
#include "proxy/admin/requests.h"

namespace sheaf {

class FakeAdminSource final : public AdminSource {
 public:
  Readiness ready() const override { return {is_ready, is_ready ? "" : "no backend is up"}; }
  bool started() const override { return is_started; }
  StatsSnapshot Stats() const override {
    StatsSnapshot snapshot;
    snapshot.version = "9.9";
    return snapshot;
  }
  const memwatch::MemoryHistory& memory_history() const override { return history; }
  const MetricsRegistry& metrics() const override { return registry; }
  const EventRing& events() const override { return ring; }
  void LookAtPools(std::function<void(const PoolsAnswer&)> answered) override { answered(pools); }
  bool SetDraining(std::string_view backend, std::string_view endpoint, bool draining) override {
    drained = std::string(backend) + " " + std::string(endpoint) + (draining ? " drain" : " undrain");
    return endpoint != "unknown";
  }
  void Reload(std::function<void(const ReloadAnswer&)> answered) override { answered(reload); }

  void Deliver(std::vector<Push> pushes, std::function<void(const PushAnswer&)> answered) override {
    pushed = std::move(pushes);
    PushAnswer answer{.tallies = std::vector<PushTally>(pushed.size(), tally), .late = late};
    answered(answer);
  }

  void ListSessions(SessionQuery query, std::function<void(const SessionList&)> answered) override {
    asked_for = std::move(query);
    answered(sessions);
  }
  void FindSession(SessionId id, std::function<void(const SessionFound&)> answered) override {
    SessionFound answer = found;
    if (answer.detail) answer.detail->view.id = id;
    answered(answer);
  }

  void Close(CloseAction asked, std::function<void(const ActionAnswer&)> answered) override {
    closing = std::move(asked);
    answered({.tally = acted, .late = late});
  }
  void Flush(Selector of, std::function<void(const ActionAnswer&)> answered) override {
    flushed = std::move(of);
    answered({.tally = acted, .late = late});
  }
  void BeginDrain(std::function<void(const DrainAnswer&)> answered) override { answered(drain); }
  void AwaitDrain(std::function<void(const DrainAnswer&)> answered) override { answered(drain); }
  void Undrain(std::function<void(const DrainAnswer&)> answered) override { answered(drain); }

  std::optional<CloseAction> closing;
  std::optional<Selector> flushed;
  ActionTally acted{.sessions = 5, .bytes = 700};
  DrainAnswer drain{.state = DrainAnswer::State::kDrained, .sessions = 1, .closed = 9};
  std::string drained;  // the last of SetDraining
  SessionQuery asked_for;
  SessionList sessions;
  SessionFound found;
  std::vector<Push> pushed;
  PushTally tally{.meant = 3, .reached = 2, .full = 1};  // of each push
  std::vector<size_t> late;

  ReloadAnswer reload{.taken = true, .generation = 7, .digest = "ab", .error = {}, .needs_restart = {"workers"}};

  MetricsRegistry registry{"9.9"};
  memwatch::MemoryHistory history{std::chrono::seconds(10), std::chrono::seconds(1)};
  EventRing ring;
  PoolsAnswer pools;
  bool is_ready = true;
  bool is_started = true;
};

struct AdminAsking {
  FakeAdminSource source;
  Options::Admin options;
  bool live = true;

  AdminAsking() {
    options.address = "127.0.0.1:9901";
    options.token = "";
  }

  // `fields`: whole lines, without the Host.
  AdminAnswer Ask(const std::string& request_line, const std::string& fields = "",
                  const std::string& host = "127.0.0.1:9901") {
    const std::string head = request_line + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n";
    return AskWith(head);
  }
  AdminAnswer AskWith(const std::string& head, const std::string& body = "") {
    wire::RequestHead request;
    const auto refusal = wire::ParseRequestHead(head, wire::HeadLimits{}, request);
    REQUIRE_MESSAGE(!refusal, head);
    const AdminVerdict verdict = JudgeAdminRequest(request, options);
    if (verdict.refusal) return *verdict.refusal;
    REQUIRE(body.size() <= verdict.most_body);
    // The source answers at once, where others take their time.
    AdminAnswer replied;
    HandleAdminRequest(request, body, source, live, [&replied](AdminAnswer answer) { replied = std::move(answer); });
    return replied;
  }
};

inline const std::vector<std::string> kProbes = {"/livez", "/readyz", "/startupz"};
inline const std::vector<std::string> kGuarded = {"/metrics", "/api/performance/websocket/stats",
                                                  "/api/performance/websocket/summary",
                                                  "/api/performance/websocket/metrics"};

}  // namespace sheaf
