#include "proxy/stats.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <array>
#include <string>
#include <vector>

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
  CHECK(batcher["batches_sent"].GetInt() == 16);
  CHECK(batcher["messages_batched"].GetInt() == 120);
  CHECK(batcher["avg_batch_size"].GetDouble() == doctest::Approx(7.5));
  CHECK(batcher["frames_saved"].GetInt() == 44);  // corked messages keep their frames
  CHECK(batcher["batch_size_histogram"].MemberCount() == 11);
  CHECK(batcher["batch_size_histogram"]["1"].GetInt() == 1);
  CHECK(batcher["batch_size_histogram"]["5"].GetInt() == 2);
  CHECK(batcher["batch_size_histogram"]["1000"].GetInt() == 0);
  CHECK(batcher["batch_size_histogram"]["+Inf"].GetInt() == 5);
  CHECK(batcher["avg_delay_ms"].GetDouble() == doctest::Approx(2));
  CHECK(batcher["delay_ms_histogram"]["0.1"].GetInt() == 3);
  CHECK(batcher["delay_ms_histogram"]["50"].GetInt() == 1);
  CHECK(batcher["delay_ms_histogram"]["10000"].GetInt() == 0);
  CHECK(batcher["bytes_before"].GetInt() == 1000);
  CHECK(batcher["bytes_after"].GetInt() == 250);
  CHECK(batcher["compression_ratio"].GetDouble() == doctest::Approx(0.25));
  CHECK(batcher["buffered_messages"].GetInt() == 6);
  CHECK(batcher["buffered_bytes"].GetInt() == 600);
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
  CHECK(batcher["encodings"].GetInt() == 1);
  CHECK(batcher["encodings_shared"].GetInt() == 999);
  CHECK(batcher["deflate"]["messages"].GetInt() == 3);
  CHECK(batcher["deflate"]["bytes_before"].GetInt() == 400);
  CHECK(batcher["deflate"]["bytes_after"].GetInt() == 100);
  CHECK(batcher["deflate"]["ratio"].GetDouble() == doctest::Approx(0.25));
  CHECK(batcher["inflate"]["ratio"].GetDouble() == doctest::Approx(2));
}

TEST_CASE("What rules did is told in sum, by route and by rule") {
  const std::vector<RouteLabels> labels = {{.route = "/a", .critical = {"alert"}, .conflated = {"p /s", "q /s"}},
                                           {.route = "/", .critical = {}, .conflated = {}}};
  StatsSnapshot snapshot;
  snapshot.routes = labels;
  snapshot.totals.routes = {{.dropped = 1, .critical = {2}, .conflated = {3, 4}},
                            {.dropped = 5, .critical = {}, .conflated = {}}};
  const rapidjson::Document document = Parse(snapshot);
  const auto& batcher = document["message_batcher"];
  CHECK(batcher["dropped"].GetInt() == 6);
  CHECK(batcher["critical"].GetInt() == 2);
  CHECK(batcher["conflated"].GetInt() == 7);
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

TEST_CASE("Before the first batch averages and ratios are 0") {
  const rapidjson::Document document = Parse(StatsSnapshot{});
  const auto& batcher = document["message_batcher"];
  for (const char* name : {"avg_batch_size", "compression_ratio", "avg_delay_ms"}) {
    CHECK(batcher[name].GetDouble() == 0.0);
  }
  CHECK(batcher["deflate"]["ratio"].GetDouble() == 0.0);
  CHECK(batcher["routes"].Empty());
  CHECK(batcher["flushes"].ObjectEmpty());
}

TEST_CASE("Sessions, requests and refusals are told, and reasons that never happened are left out") {
  StatsSnapshot snapshot;
  snapshot.version = "1.2.3";
  snapshot.uptime = std::chrono::milliseconds(1500);
  snapshot.workers = 4;
  snapshot.ready = true;
  snapshot.totals.websocket_sessions = 7;
  snapshot.totals.websocket_sessions_opened_total = 9;
  snapshot.totals.websocket_closes_total[static_cast<size_t>(CloseReason::kClientGone)] = 2;
  snapshot.totals.messages_to_clients_total = uint64_t{1} << 60;
  snapshot.totals.unrouted[static_cast<size_t>(StatusClass::k2xx)] = 20;
  snapshot.totals.unrouted[static_cast<size_t>(StatusClass::k5xx)] = 1;
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
