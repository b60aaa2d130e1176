#include "proxy/stats.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <string>

#include "pool/upstream_link.h"

namespace sheaf {
namespace {

rapidjson::Document Parse(const StatsSnapshot& snapshot) {
  rapidjson::Document document;
  document.Parse(StatsJson(snapshot).c_str());
  return document;
}

int64_t& Links(StatsSnapshot& snapshot, pool::LinkState state) {
  return snapshot.totals.pool_links[static_cast<size_t>(state)];
}

TEST_CASE("The document is valid JSON also before anything has happened, and its rates are 0") {
  const rapidjson::Document document = Parse(StatsSnapshot{});
  REQUIRE_FALSE(document.HasParseError());
  const auto& pool = document["connection_pool"];
  CHECK(pool["reuse_rate"].GetDouble() == 0.0);
  CHECK(pool["pool_utilization"].GetDouble() == 0.0);
  CHECK(pool["avg_acquire_time_ms"].GetDouble() == 0.0);
  CHECK_FALSE(document["upstream"]["up"].GetBool());
}

TEST_CASE("The pool's figures stand under the original's names") {
  StatsSnapshot snapshot;
  snapshot.pool_min_size = 10;
  snapshot.pool_max_size = 200;
  Links(snapshot, pool::LinkState::kConnecting) = 1;
  Links(snapshot, pool::LinkState::kIdle) = 2;
  Links(snapshot, pool::LinkState::kActive) = 50;
  Links(snapshot, pool::LinkState::kDraining) = 4;
  Links(snapshot, pool::LinkState::kStale) = 5;
  Links(snapshot, pool::LinkState::kBroken) = 6;
  snapshot.totals.pool_acquired_total = 40;
  snapshot.totals.pool_created_total = 9;
  snapshot.totals.pool_reused_total = 38;
  snapshot.totals.pool_failed_total = 3;
  snapshot.totals.pool_evicted_total[static_cast<size_t>(CloseReason::kUpstreamStale)] = 7;
  snapshot.totals.pool_evicted_total[static_cast<size_t>(CloseReason::kUpstreamExpired)] = 1;
  snapshot.totals.pool_acquire_seconds.buckets[0] = 4;
  snapshot.totals.pool_acquire_seconds.sum = 10'000'000;  // nanoseconds

  const rapidjson::Document document = Parse(snapshot);
  const auto& pool = document["connection_pool"];
  CHECK(pool["total_connections"].GetInt() == 68);
  CHECK(pool["connecting_connections"].GetInt() == 1);
  CHECK(pool["idle_connections"].GetInt() == 2);
  CHECK(pool["active_connections"].GetInt() == 50);
  CHECK(pool["draining_connections"].GetInt() == 4);
  CHECK(pool["stale_connections"].GetInt() == 5);
  CHECK(pool["broken_connections"].GetInt() == 6);
  CHECK(pool["min_size"].GetInt() == 10);
  CHECK(pool["max_size"].GetInt() == 200);
  CHECK(pool["pool_utilization"].GetDouble() == doctest::Approx(0.25));
  CHECK(pool["acquired"].GetInt() == 40);
  CHECK(pool["created"].GetInt() == 9);
  CHECK(pool["reused"].GetInt() == 38);
  CHECK(pool["failed"].GetInt() == 3);
  CHECK(pool["evicted"].GetInt() == 8);
  CHECK(pool["reuse_rate"].GetDouble() == doctest::Approx(0.95));
  CHECK(pool["avg_acquire_time_ms"].GetDouble() == doctest::Approx(2.5));
}

TEST_CASE("Sessions, requests and refusals are told, and reasons that never happened are left out") {
  StatsSnapshot snapshot;
  snapshot.version = "1.2.3";
  snapshot.uptime = std::chrono::milliseconds(1500);
  snapshot.workers = 4;
  snapshot.ready = true;
  snapshot.totals.websocket_sessions = 7;
  snapshot.totals.websocket_sessions_total = 9;
  snapshot.totals.websocket_closes_total[static_cast<size_t>(CloseReason::kClientGone)] = 2;
  snapshot.totals.messages_to_clients_total = uint64_t{1} << 60;
  snapshot.totals.http_requests_total[static_cast<size_t>(StatusClass::k2xx)] = 20;
  snapshot.totals.http_requests_total[static_cast<size_t>(StatusClass::k5xx)] = 1;
  snapshot.totals.rejects_total[static_cast<size_t>(RejectReason::kBadHost)] = 3;

  const rapidjson::Document document = Parse(snapshot);
  CHECK(document["version"] == "1.2.3");
  CHECK(document["uptime_seconds"].GetDouble() == doctest::Approx(1.5));
  CHECK(document["workers"].GetInt() == 4);
  CHECK(document["ready"].GetBool());
  CHECK(document["sessions"]["active_sessions"].GetInt() == 7);
  CHECK(document["sessions"]["total_sessions"].GetInt() == 9);
  CHECK(document["sessions"]["messages_to_clients"].GetUint64() == uint64_t{1} << 60);
  CHECK(document["sessions"]["closed"].MemberCount() == 1);
  CHECK(document["sessions"]["closed"]["client_gone"].GetInt() == 2);
  CHECK(document["http"]["total_requests"].GetInt() == 21);
  CHECK(document["http"]["by_status"]["2xx"].GetInt() == 20);
  CHECK(document["http"]["by_status"]["3xx"].GetInt() == 0);
  CHECK(document["http"]["rejected"].MemberCount() == 1);
  CHECK(document["http"]["rejected"]["bad_host"].GetInt() == 3);
}

}  // namespace
}  // namespace sheaf
