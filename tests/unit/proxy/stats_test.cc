#include "proxy/admin/stats.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <array>
#include <string>
#include <vector>

#include "pool/upstream_link.h"
#include "proxy/admin/stats_history.h"

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
  CHECK(pool["pool_size"]["utilization"].GetDouble() == 0.0);
  CHECK(pool["statistics"]["reuse_rate"].GetDouble() == 0.0);
  CHECK(pool["statistics"]["ready_rate"].GetDouble() == 0.0);
  CHECK(pool["statistics"]["avg_acquire_time_ms"].GetDouble() == 0.0);
  CHECK_FALSE(document["upstream"]["up"].GetBool());
}

TEST_CASE("The pool's figures stand under the original's names") {
  StatsSnapshot snapshot;
  snapshot.pool_min_size = 10;
  snapshot.pool_max_size = 200;
  snapshot.pool_busiest = 30;
  Links(snapshot, pool::LinkState::kConnecting) = 1;
  Links(snapshot, pool::LinkState::kIdle) = 2;
  Links(snapshot, pool::LinkState::kActive) = 50;
  Links(snapshot, pool::LinkState::kDraining) = 4;
  Links(snapshot, pool::LinkState::kStale) = 5;
  Links(snapshot, pool::LinkState::kBroken) = 6;
  snapshot.totals.pool_acquired_total = 40;
  snapshot.totals.pool_created_total = 9;
  snapshot.totals.pool_reused_total = 30;
  snapshot.totals.pool_ready_total = 38;
  snapshot.totals.pool_failed_total = 3;
  snapshot.totals.pool_evicted_total[static_cast<size_t>(CloseReason::kUpstreamStale)] = 7;
  snapshot.totals.pool_evicted_total[static_cast<size_t>(CloseReason::kUpstreamExpired)] = 1;
  snapshot.totals.pool_acquire_seconds.buckets[0] = 4;
  snapshot.totals.pool_acquire_seconds.sum = 10'000'000;  // nanoseconds

  const rapidjson::Document document = Parse(snapshot);
  const auto& pool = document["connection_pool"];
  const auto& size = pool["pool_size"];
  CHECK(size["min"].GetInt() == 10);
  CHECK(size["max"].GetInt() == 200);
  CHECK(size["current"].GetInt() == 68);
  CHECK(size["active"].GetInt() == 50);
  CHECK(size["idle"].GetInt() == 2);
  CHECK(size["utilization"].GetDouble() == doctest::Approx(0.15));
  const auto& states = pool["connection_states"];
  CHECK(states["connecting"].GetInt() == 1);
  CHECK(states["idle"].GetInt() == 2);
  CHECK(states["active"].GetInt() == 50);
  CHECK(states["draining"].GetInt() == 4);
  CHECK(states["stale"].GetInt() == 5);
  CHECK(states["broken"].GetInt() == 6);
  const auto& statistics = pool["statistics"];
  CHECK(statistics["total_acquired"].GetInt() == 40);
  CHECK(statistics["total_created"].GetInt() == 9);
  CHECK(statistics["total_reused"].GetInt() == 30);
  CHECK(statistics["total_ready"].GetInt() == 38);
  CHECK(statistics["total_failed"].GetInt() == 3);
  CHECK(statistics["total_evicted"].GetInt() == 8);
  CHECK(statistics["reuse_rate"].GetDouble() == doctest::Approx(0.75));
  CHECK(statistics["ready_rate"].GetDouble() == doctest::Approx(0.95));
  CHECK(statistics["avg_acquire_time_ms"].GetDouble() == doctest::Approx(2.5));
  CHECK(pool["evicted"].MemberCount() == 2);
  CHECK(pool["evicted"]["upstream_stale"].GetInt() == 7);
}

template <typename T, size_t kCount, typename Enum>
T& At(std::array<T, kCount>& cells, Enum index) {
  return cells[static_cast<size_t>(index)];
}

TEST_CASE("Batches are told: how many, how large, how long they waited, and what was saved") {
  StatsSnapshot snapshot;
  MetricsTotals& totals = snapshot.totals;
  At(totals.batches_total, BatchForm::kCork) = 10;
  At(totals.batched_messages_total, BatchForm::kCork) = 70;
  At(totals.batches_total, BatchForm::kJson) = 4;
  At(totals.batched_messages_total, BatchForm::kJson) = 24;
  At(totals.batches_total, BatchForm::kSocketIoEvent) = 2;
  At(totals.batched_messages_total, BatchForm::kSocketIoEvent) = 26;
  totals.batch_size.buckets = {1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5};
  totals.batch_delay_seconds.buckets[0] = 3;
  totals.batch_delay_seconds.buckets[5] = 1;
  totals.batch_delay_seconds.sum = 8'000'000;  // nanoseconds
  totals.batch_input_bytes_total = 1000;
  totals.batch_output_bytes_total = 250;
  totals.buffered_messages = 6;
  totals.buffered_bytes = 600;
  At(totals.batch_flushes_total, FlushReason::kSize) = 9;

  const rapidjson::Document document = Parse(snapshot);
  const auto& batcher = document["message_batcher"];
  const auto& statistics = batcher["statistics"];
  CHECK(statistics["total_batches_sent"].GetInt() == 16);
  CHECK(statistics["total_messages"].GetInt() == 120);
  CHECK(statistics["avg_batch_size"].GetDouble() == doctest::Approx(7.5));
  CHECK(statistics["frames_saved"].GetInt() == 44);  // corked messages keep their frames
  CHECK(batcher["batch_size_histogram"].MemberCount() == 11);
  CHECK(batcher["batch_size_histogram"]["1"].GetInt() == 1);
  CHECK(batcher["batch_size_histogram"]["5"].GetInt() == 2);
  CHECK(batcher["batch_size_histogram"]["1000"].GetInt() == 0);
  CHECK(batcher["batch_size_histogram"]["+Inf"].GetInt() == 5);
  CHECK(statistics["avg_delay_ms"].GetDouble() == doctest::Approx(2));
  CHECK(batcher["delay_ms_histogram"]["0.1"].GetInt() == 3);
  CHECK(batcher["delay_ms_histogram"]["50"].GetInt() == 1);
  CHECK(batcher["delay_ms_histogram"]["10000"].GetInt() == 0);
  CHECK(statistics["payload_bytes"].GetInt() == 1000);
  CHECK(statistics["sent_bytes"].GetInt() == 250);
  CHECK(batcher["current_buffers"]["buffered_messages"].GetInt() == 6);
  CHECK(batcher["current_buffers"]["buffered_bytes"].GetInt() == 600);
  CHECK(batcher["flushes"].MemberCount() == 1);
  CHECK(batcher["flushes"]["size"].GetInt() == 9);
  CHECK(batcher["by_form"]["json"]["messages"].GetInt() == 24);
  CHECK(batcher["by_form"]["socketio-event"]["batches"].GetInt() == 2);
}

TEST_CASE("Encoding and compression are told each by itself") {
  StatsSnapshot snapshot;
  snapshot.totals.encodings_total = 1;
  snapshot.totals.encodings_shared_total = 999;
  snapshot.totals.deflate_messages_total = 3;
  snapshot.totals.deflate_input_bytes_total = 400;
  snapshot.totals.deflate_output_bytes_total = 100;
  snapshot.totals.inflate_messages_total = 2;
  snapshot.totals.inflate_input_bytes_total = 30;
  snapshot.totals.inflate_output_bytes_total = 60;
  const rapidjson::Document document = Parse(snapshot);
  const auto& batcher = document["message_batcher"];
  CHECK(batcher["statistics"]["encodings"].GetInt() == 1);
  CHECK(batcher["statistics"]["encodings_shared"].GetInt() == 999);
  CHECK(batcher["deflate"]["messages"].GetInt() == 3);
  CHECK(batcher["deflate"]["plain_bytes"].GetInt() == 400);
  CHECK(batcher["deflate"]["compressed_bytes"].GetInt() == 100);
  CHECK(batcher["deflate"]["compression_ratio"].GetDouble() == doctest::Approx(4));
  CHECK(batcher["inflate"]["plain_bytes"].GetInt() == 60);
  CHECK(batcher["inflate"]["compressed_bytes"].GetInt() == 30);
  CHECK(batcher["inflate"]["compression_ratio"].GetDouble() == doctest::Approx(2));
}

TEST_CASE("What rules did is told in sum, by route and by rule") {
  const std::vector<RouteLabels> labels = {{.route = "/a", .critical = {"alert"}, .conflated = {"p /s", "q /s"}},
                                           {.route = "/", .critical = {}, .conflated = {}}};
  StatsSnapshot snapshot;
  snapshot.totals.routes.resize(2);
  for (size_t i = 0; i < labels.size(); ++i) snapshot.totals.routes[i].labels = labels[i];
  snapshot.totals.routes[0].dropped = 1;
  snapshot.totals.routes[0].critical = {2};
  snapshot.totals.routes[0].conflated = {3, 4};
  snapshot.totals.routes[1].dropped = 5;
  const rapidjson::Document document = Parse(snapshot);
  const auto& batcher = document["message_batcher"];
  CHECK(batcher["statistics"]["total_dropped"].GetInt() == 6);
  CHECK(batcher["statistics"]["total_critical"].GetInt() == 2);
  CHECK(batcher["statistics"]["total_conflated"].GetInt() == 7);
  REQUIRE(batcher["routes"].Size() == 2);
  const auto& first = batcher["routes"][0];
  CHECK(first["route"] == "/a");
  CHECK(first["dropped"].GetInt() == 1);
  CHECK(first["critical"][0]["rule"] == "alert");
  CHECK(first["critical"][0]["messages"].GetInt() == 2);
  CHECK(first["conflated"][1]["rule"] == "q /s");
  CHECK(first["conflated"][1]["messages"].GetInt() == 4);
  CHECK(batcher["routes"][1]["route"] == "/");
  CHECK(batcher["routes"][1]["conflated"].Empty());
}

TEST_CASE("Before the first batch averages are 0, and nothing was compressed") {
  const rapidjson::Document document = Parse(StatsSnapshot{});
  const auto& batcher = document["message_batcher"];
  CHECK(batcher["statistics"]["avg_batch_size"].GetDouble() == 0.0);
  CHECK(batcher["statistics"]["avg_delay_ms"].GetDouble() == 0.0);
  CHECK(batcher["deflate"]["compression_ratio"].GetDouble() == 1.0);
  CHECK(batcher["routes"].Empty());
  CHECK(batcher["flushes"].ObjectEmpty());
}

TEST_CASE("Ends of sessions are told by reason, by code and by who ended them") {
  StatsSnapshot snapshot;
  auto& ends = snapshot.totals.websocket_close_codes_total;
  At(ends, CloseEndOf(1000, CloseReason::kClientClosed)) = 3;
  At(ends, CloseEndOf(1000, CloseReason::kUpstreamClosed)) = 4;
  At(ends, CloseEndOf(1013, CloseReason::kMemoryShed)) = 5;
  snapshot.totals.websocket_session_seconds.buckets[0] = 2;
  snapshot.totals.websocket_session_seconds.sum = 3'000;  // milliseconds
  const rapidjson::Document document = Parse(snapshot);
  const auto& sessions = document["sessions"];
  CHECK(sessions["closed_with"].MemberCount() == 2);
  CHECK(sessions["closed_with"]["1000"].GetInt() == 7);
  CHECK(sessions["closed_with"]["1013"].GetInt() == 5);
  CHECK(sessions["closed_by"]["client"].GetInt() == 3);
  CHECK(sessions["closed_by"]["upstream"].GetInt() == 4);
  CHECK(sessions["closed_by"]["sheaf"].GetInt() == 5);
  CHECK(sessions["avg_duration_seconds"].GetDouble() == doctest::Approx(1.5));
}

TEST_CASE("Requests are told in sum and by route") {
  const std::vector<RouteLabels> labels = {{.route = "/a", .critical = {}, .conflated = {}},
                                           {.route = "/", .critical = {}, .conflated = {}}};
  StatsSnapshot snapshot;
  snapshot.totals.routes.resize(2);
  for (size_t i = 0; i < labels.size(); ++i) snapshot.totals.routes[i].labels = labels[i];
  At(snapshot.totals.routes[0].requests, StatusClass::k2xx) = 4;
  At(snapshot.totals.routes[1].requests, StatusClass::k5xx) = 2;
  At(snapshot.totals.unrouted, StatusClass::k4xx) = 1;
  snapshot.totals.routes[0].request_seconds.buckets[0] = 4;
  snapshot.totals.routes[0].request_seconds.sum = 10'000;  // microseconds
  const rapidjson::Document document = Parse(snapshot);
  const auto& http = document["http"];
  CHECK(http["total_requests"].GetInt() == 7);
  CHECK(http["by_status"]["4xx"].GetInt() == 1);
  CHECK(http["by_status"]["5xx"].GetInt() == 2);
  CHECK(http["routes"][0]["route"] == "/a");
  CHECK(http["routes"][0]["by_status"]["2xx"].GetInt() == 4);
  CHECK(http["routes"][0]["avg_duration_ms"].GetDouble() == doctest::Approx(2.5));
  CHECK(http["routes"][1]["avg_duration_ms"].GetDouble() == 0.0);
}

TEST_CASE("Sessions, requests and refusals are told, and reasons that never happened are left out") {
  StatsSnapshot snapshot;
  snapshot.version = "1.2.3";
  snapshot.commit = "0123abc";
  snapshot.uptime = std::chrono::milliseconds(1500);
  snapshot.workers = 4;
  snapshot.ready = true;
  snapshot.totals.websocket_sessions = 7;
  snapshot.totals.websocket_sessions_opened_total = 9;
  snapshot.totals.websocket_closes_total[static_cast<size_t>(CloseReason::kClientGone)] = 2;
  snapshot.totals.messages_to_clients_total = uint64_t{1} << 60;
  snapshot.totals.unrouted[static_cast<size_t>(StatusClass::k2xx)] = 20;
  snapshot.totals.unrouted[static_cast<size_t>(StatusClass::k5xx)] = 1;
  snapshot.totals.refusals_total[static_cast<size_t>(RefuseReason::kBadHost)] = 3;

  const rapidjson::Document document = Parse(snapshot);
  CHECK(document["version"] == "1.2.3");
  CHECK(document["commit"] == "0123abc");
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
  CHECK(document["http"]["refused"].MemberCount() == 1);
  CHECK(document["http"]["refused"]["bad_host"].GetInt() == 3);
}

TEST_CASE("The summary has averages and peaks of the window, and rates since the start") {
  StatsSnapshot snapshot;
  snapshot.totals.pool_acquired_total = 32;
  snapshot.totals.pool_created_total = 21;
  snapshot.totals.pool_reused_total = 11;
  snapshot.totals.pool_ready_total = 32;
  snapshot.memory_summary = {.samples = 60,
                             .window = std::chrono::milliseconds(59'500),
                             .average_rss = 2.0 * 1024 * 1024,
                             .peak_rss = 3 * 1024 * 1024,
                             .average_percent = 40,
                             .peak_percent = 55,
                             .average_sessions = 12.5,
                             .peak_sessions = 20,
                             .average_active_connections = 13.5};
  rapidjson::Document summary;
  summary.Parse(SummaryJson(snapshot).c_str());
  CHECK(summary["window_seconds"].GetDouble() == doctest::Approx(59.5));
  CHECK(summary["samples"].GetInt() == 60);
  CHECK(summary["average_active_connections"].GetDouble() == doctest::Approx(13.5));
  CHECK(summary["average_active_sessions"].GetDouble() == doctest::Approx(12.5));
  CHECK(summary["peak_active_sessions"].GetInt() == 20);
  CHECK(summary["average_memory_percent"].GetDouble() == doctest::Approx(40));
  CHECK(summary["peak_memory_percent"].GetDouble() == doctest::Approx(55));
  CHECK(summary["average_rss_mb"].GetDouble() == doctest::Approx(2));
  CHECK(summary["peak_rss_mb"].GetDouble() == doctest::Approx(3));
  CHECK(summary["connection_reuse_rate"].GetDouble() == doctest::Approx(11.0 / 32));
  CHECK(summary["connection_ready_rate"].GetDouble() == 1.0);
  CHECK(summary["compression_ratio"].GetDouble() == 1.0);
}

TEST_CASE("A sample of the history tells of memory and of what went through") {
  const std::vector<memwatch::MemorySample> samples = {
      {.at = std::chrono::system_clock::time_point(std::chrono::milliseconds(1500)),
       .reading = {.used = 2 << 20, .limit = 4 << 20},
       .traffic = {.sessions = 3,
                   .active_connections = 4,
                   .messages_to_clients = 100,
                   .messages_to_upstream = 2,
                   .batches = 25,
                   .batch_size = 4,
                   .batch_delay = 0.0625F}}};
  rapidjson::Document history;
  history.Parse(HistoryJson(samples).c_str());
  const auto& sample = history["metrics"][0];
  CHECK(sample["timestamp"].GetDouble() == doctest::Approx(1.5));
  CHECK(sample["percent"].GetDouble() == doctest::Approx(50));
  CHECK(sample["active_sessions"].GetInt() == 3);
  CHECK(sample["active_connections"].GetInt() == 4);
  CHECK(sample["messages_to_clients_per_second"].GetDouble() == 100);
  CHECK(sample["messages_to_upstream_per_second"].GetDouble() == 2);
  CHECK(sample["batches_per_second"].GetDouble() == 25);
  CHECK(sample["avg_batch_size"].GetDouble() == 4);
  CHECK(sample["avg_batch_delay_ms"].GetDouble() == doctest::Approx(62.5));
}

}  // namespace
}  // namespace sheaf
