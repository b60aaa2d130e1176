#include "proxy/base/metrics.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/build_info.h"
#include "proxy/base/prometheus.h"

namespace sheaf {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool HasLine(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::vector<std::string> NamesInTable() {
  return {
#define SHEAF_ROW3(member, name, help) name,
#define SHEAF_ROW5(member, name, key, labels, help) name,
#define SHEAF_ROW4(member, name, buckets, help) name,
      SHEAF_METRICS(SHEAF_ROW3, SHEAF_ROW3, SHEAF_ROW3, SHEAF_ROW5, SHEAF_ROW5, SHEAF_ROW4)
#undef SHEAF_ROW3
#undef SHEAF_ROW4
#undef SHEAF_ROW5
  };
}

TEST_CASE("A worker's block begins on a cache line of its own") {
  MetricsRegistry registry("1.0");
  const WorkerMetrics& first = registry.AddWorker();
  const WorkerMetrics& second = registry.AddWorker();
  CHECK(reinterpret_cast<uintptr_t>(&first) % 64 == 0);
  CHECK(reinterpret_cast<uintptr_t>(&second) % 64 == 0);
  CHECK(sizeof(WorkerMetrics) % 64 == 0);
}

TEST_CASE("The sum adds the workers' counters and gauges, label by label") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& first = registry.AddWorker();
  WorkerMetrics& second = registry.AddWorker();
  first.messages_to_clients_total.Add();
  second.messages_to_clients_total.Add(41);
  first.websocket_sessions.Add(5);
  second.websocket_sessions.Sub(2);
  first.client_closes_total[CloseReason::kDrain].Add(3);
  second.client_closes_total[CloseReason::kDrain].Add(4);
  second.client_closes_total[CloseReason::kOutOfMemory].Add();

  const MetricsTotals totals = registry.Sum();
  CHECK(totals.messages_to_clients_total == 42);
  CHECK(totals.websocket_sessions == 3);
  CHECK(totals.client_closes_total[static_cast<size_t>(CloseReason::kDrain)] == 7);
  CHECK(totals.client_closes_total[static_cast<size_t>(CloseReason::kOutOfMemory)] == 1);
  CHECK(totals.client_closes_total[static_cast<size_t>(CloseReason::kDone)] == 0);
}

std::vector<RouteLabels> TwoRoutes() {
  return {{.route = "/api", .critical = {"alert", "/level=high"}, .conflated = {"price /symbol"}},
          {.route = "/", .critical = {}, .conflated = {}}};
}

std::vector<RouteCells> CellsOfTwoRoutes(WorkerMetrics& worker) {
  std::vector<RouteCells> cells;
  for (const RouteLabels& labels : TwoRoutes()) cells.push_back(worker.routes.Cells(labels));
  return cells;
}

TEST_CASE("The sum adds what the workers counted for each route and rule") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& first = registry.AddWorker();
  WorkerMetrics& second = registry.AddWorker();
  const std::vector<RouteCells> one = CellsOfTwoRoutes(first);
  const std::vector<RouteCells> other = CellsOfTwoRoutes(second);
  one[0].route->dropped.Add(2);
  other[0].route->dropped.Add(3);
  other[1].route->dropped.Add(7);
  one[0].route->deflate_input_bytes.Add(100);
  other[0].route->deflate_input_bytes.Add(50);
  other[0].route->deflate_output_bytes.Add(10);
  one[0].critical[1]->Add();
  other[0].critical[1]->Add(10);
  other[0].conflated[0]->Add(5);
  const MetricsTotals totals = registry.Sum();
  REQUIRE(totals.routes.size() == 2);
  CHECK(totals.routes[0].dropped == 5);
  CHECK(totals.routes[1].dropped == 7);
  CHECK(totals.routes[0].deflate_input_bytes == 150);
  CHECK(totals.routes[0].deflate_output_bytes == 10);
  CHECK(totals.routes[1].deflate_input_bytes == 0);
  CHECK(totals.routes[0].critical == std::vector<uint64_t>{0, 11});
  CHECK(totals.routes[0].conflated == std::vector<uint64_t>{5});
  CHECK(totals.routes[1].critical.empty());
}

TEST_CASE("No two counters of rules share a cache line, so that workers do not slow one another") {
  MetricsRegistry registry("1.0");
  const RouteCells cells = CellsOfTwoRoutes(registry.AddWorker())[0];
  CHECK(reinterpret_cast<uintptr_t>(cells.route) % 64 == 0);
  CHECK(reinterpret_cast<uintptr_t>(cells.critical[0]) % 64 == 0);
  CHECK(reinterpret_cast<uintptr_t>(cells.critical[1]) % 64 == 0);
}

TEST_CASE("A backend that one worker reaches is up, however many workers there are") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& first = registry.AddWorker();
  WorkerMetrics& second = registry.AddWorker();
  CHECK(registry.Sum().upstream_up == 0);
  first.upstream_up.Set(1);
  CHECK(registry.Sum().upstream_up == 1);
  second.upstream_up.Set(1);
  CHECK(registry.Sum().upstream_up == 1);
  first.upstream_up.Set(0);
  second.upstream_up.Set(0);
  CHECK(registry.Sum().upstream_up == 0);
}

TEST_CASE("An observation on a bound belongs to the bucket under that bound") {
  Histogram<AcquireSecondsBuckets> histogram;
  histogram.Observe(microseconds(10));
  histogram.Observe(microseconds(10) + std::chrono::nanoseconds(1));
  histogram.Observe(seconds(10));
  histogram.Observe(seconds(11));
  histogram.Observe(std::chrono::nanoseconds(-5));  // a clock that was read out of order
  const size_t last = AcquireSecondsBuckets::kBounds.size();
  CHECK(histogram.bucket(0) == 2);
  CHECK(histogram.bucket(1) == 1);
  CHECK(histogram.bucket(last - 1) == 1);
  CHECK(histogram.bucket(last) == 1);
  CHECK(histogram.sum() == 21'000'020'001);
}

TEST_CASE("The bounds of the histogram grow and reach from 10 microseconds to 10 seconds") {
  const auto& bounds = AcquireSecondsBuckets::kBounds;
  CHECK(std::is_sorted(bounds.begin(), bounds.end()));
  CHECK(std::adjacent_find(bounds.begin(), bounds.end()) == bounds.end());
  CHECK(bounds.front() == 10'000);
  CHECK(bounds.back() == 10'000'000'000);
}

TEST_CASE("The mean is in seconds, and 0 without observations") {
  MetricsRegistry registry("1.0");
  CHECK(registry.Sum().pool_acquire_seconds.mean() == 0.0);
  WorkerMetrics& metrics = registry.AddWorker();
  metrics.pool_acquire_seconds.Observe(milliseconds(1));
  metrics.pool_acquire_seconds.Observe(milliseconds(3));
  CHECK(registry.Sum().pool_acquire_seconds.mean() == doctest::Approx(0.002));
}

TEST_CASE("A status belongs to its hundred, and an impossible one to 5xx") {
  CHECK(StatusClassOf(101) == StatusClass::k1xx);
  CHECK(StatusClassOf(200) == StatusClass::k2xx);
  CHECK(StatusClassOf(399) == StatusClass::k3xx);
  CHECK(StatusClassOf(431) == StatusClass::k4xx);
  CHECK(StatusClassOf(599) == StatusClass::k5xx);
  CHECK(StatusClassOf(600) == StatusClass::k5xx);
  CHECK(StatusClassOf(0) == StatusClass::k5xx);
  CHECK(StatusClassOf(-1) == StatusClass::k5xx);
}

TEST_CASE("Another thread may read while the worker counts, and loses nothing in the end") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& metrics = registry.AddWorker();
  std::atomic<bool> done{false};
  bool went_backwards = false;
  std::thread reader([&] {
    uint64_t before = 0;
    while (!done.load()) {
      const uint64_t now = registry.Sum().messages_to_clients_total;
      went_backwards = went_backwards || now < before;
      before = now;
    }
  });
  for (int i = 0; i < 100'000; ++i) metrics.messages_to_clients_total.Add();
  done.store(true);
  reader.join();
  CHECK_FALSE(went_backwards);
  CHECK(registry.Sum().messages_to_clients_total == 100'000);
}

TEST_CASE("Every metric of the table appears with help and type, and every sample after its own heading") {
  MetricsRegistry registry("1.0");
  registry.AddWorker();
  const std::string text = registry.Render(ExpositionFormat::kPrometheus, {});
  for (const std::string& name : NamesInTable()) {
    INFO(name);
    CHECK(("\n" + text).find("\n# HELP " + name + " ") != std::string::npos);
    CHECK(("\n" + text).find("\n# TYPE " + name + " ") != std::string::npos);
  }
  std::string heading;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) heading = line.substr(7, line.find(' ', 7) - 7);
    if (!line.starts_with("#")) CHECK_MESSAGE(line.starts_with(heading), line);
  }
}

TEST_CASE("Names are unique, begin with sheaf_, and end in _total exactly for counters") {
  std::set<std::string> seen;
  for (const std::string& name : NamesInTable()) {
    INFO(name);
    CHECK(name.starts_with("sheaf_"));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
    CHECK(seen.insert(name).second);
  }
  MetricsRegistry registry("1.0");
  const std::string text = registry.Render(ExpositionFormat::kPrometheus, {});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const std::string name = line.substr(7, line.find(' ', 7) - 7);
    CHECK_MESSAGE(name.ends_with("_total") == line.ends_with(" counter"), line);
  }
}

// As the document writes them.
template <typename Labels>
std::string KeysOf(const std::string& key) {
  if constexpr (requires { Labels::kSecondKey; }) {
    return "`" + key + "`, `" + std::string(Labels::kSecondKey) + "`";
  }
  return "`" + key + "`";
}

TEST_CASE("conf/METRICS.md has a row for every metric, with the table's label and help") {
  std::ifstream file(SHEAF_SOURCE_DIR "/conf/METRICS.md");
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  const auto check = [&document](const std::string& name, const std::string& label, const std::string& help) {
    const size_t row = document.find("| `" + name + "` | ");
    REQUIRE_MESSAGE(row != std::string::npos, name);
    const std::string line = document.substr(row, document.find('\n', row) - row);
    CHECK_MESSAGE(line.ends_with(" | " + label + " | " + help + " |"), line);
  };
#define SHEAF_PLAIN(member, name, help) check(name, "", help);
#define SHEAF_LABELLED(member, name, key, labels, help) check(name, KeysOf<labels>(key), help);
#define SHEAF_HISTOGRAM(member, name, buckets, help) check(name, "", help);
  SHEAF_METRICS(SHEAF_PLAIN, SHEAF_PLAIN, SHEAF_PLAIN, SHEAF_LABELLED, SHEAF_LABELLED, SHEAF_HISTOGRAM)
#undef SHEAF_PLAIN
#undef SHEAF_LABELLED
#undef SHEAF_HISTOGRAM
  MetricsRegistry registry("1.0");
  CellsOfTwoRoutes(registry.AddWorker());
  Exposition families(ExpositionFormat::kPrometheus);
  AppendRouteMetrics(registry.Sum(), families);
  AppendProbedState({}, families);
  AppendProcessMetrics({"1.0", "abc", {}, 1}, ReadProcessUsage(), families);
  std::istringstream lines(families.Take());
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# HELP ")) continue;
    const size_t help = line.find(' ', 7);
    const std::string name = line.substr(7, help - 7);
    const std::map<std::string, std::string> labels = {
        {"sheaf_dropped_messages_total", "`route`"},          {"sheaf_http_request_duration_seconds", "`route`"},
        {"sheaf_deflate_route_input_bytes_total", "`route`"}, {"sheaf_deflate_route_output_bytes_total", "`route`"},
        {"sheaf_http_requests_total", "`route`, `status`"},   {"sheaf_conflated_messages_total", "`route`, `rule`"},
        {"sheaf_critical_messages_total", "`route`, `rule`"}, {"sheaf_build_info", "`version`, `commit`"},
        {"sheaf_route_websocket_sessions", "`route`"}};
    check(name, labels.contains(name) ? labels.at(name) : "", line.substr(help + 1));
  }
}

TEST_CASE("What the probes say is written as 0 or 1, each for itself") {
  MetricsRegistry registry("1.0");
  registry.AddWorker();
  const auto has = [&registry](const ProbedState& state, const std::string& line) {
    return HasLine(registry.Render(ExpositionFormat::kPrometheus, state), line);
  };
  CHECK(has({}, "sheaf_ready 0"));
  CHECK(has({.ready = true}, "sheaf_ready 1"));
  CHECK(has({.ready = true}, "sheaf_live 0"));
  CHECK(has({.live = true}, "sheaf_live 1"));
  CHECK(has({.live = true}, "sheaf_draining 0"));
  CHECK(has({.draining = true}, "sheaf_draining 1"));
}

TEST_CASE("Labels are written for every value, also while nothing was counted") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& metrics = registry.AddWorker();
  metrics.health_checks_total[CheckResult::kFailed].Add(2);
  metrics.backpressure_pauses_total[Side::kUpstream].Add(9);
  const std::string text = registry.Render(ExpositionFormat::kPrometheus, {});
  CHECK(HasLine(text, "sheaf_health_checks_total{result=\"failed\"} 2"));
  CHECK(HasLine(text, "sheaf_health_checks_total{result=\"passed\"} 0"));
  CHECK(HasLine(text, "sheaf_backpressure_pauses_total{side=\"upstream\"} 9"));
  CHECK(HasLine(text, "sheaf_refusals_total{reason=\"bad_host\"} 0"));
  CHECK(HasLine(text, "sheaf_pool_links{state=\"draining\"} 0"));
}

TEST_CASE("Counters by route and rule are written with both labels, also while nothing was counted") {
  MetricsRegistry registry("1.0");
  const std::vector<RouteCells> cells = CellsOfTwoRoutes(registry.AddWorker());
  cells[0].conflated[0]->Add(4);
  cells[1].route->dropped.Add(6);
  const std::string text = registry.Render(ExpositionFormat::kPrometheus, {});
  CHECK(HasLine(text, "# TYPE sheaf_conflated_messages_total counter"));
  CHECK(HasLine(text, "sheaf_conflated_messages_total{route=\"/api\",rule=\"price /symbol\"} 4"));
  CHECK(HasLine(text, "sheaf_critical_messages_total{route=\"/api\",rule=\"alert\"} 0"));
  CHECK(HasLine(text, "sheaf_critical_messages_total{route=\"/api\",rule=\"/level=high\"} 0"));
  CHECK(HasLine(text, "sheaf_dropped_messages_total{route=\"/api\"} 0"));
  CHECK(HasLine(text, "sheaf_dropped_messages_total{route=\"/\"} 6"));
  CHECK(HasLine(text, "sheaf_deflate_route_output_bytes_total{route=\"/api\"} 0"));
}

TEST_CASE("Requests are counted and timed by route, and those without a route apart") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& first = registry.AddWorker();
  WorkerMetrics& second = registry.AddWorker();
  const std::vector<RouteCells> one = CellsOfTwoRoutes(first);
  const std::vector<RouteCells> other = CellsOfTwoRoutes(second);
  one[0].route->requests[StatusClass::k2xx].Add(3);
  other[0].route->requests[StatusClass::k2xx].Add(4);
  other[1].route->requests[StatusClass::k5xx].Add();
  second.unrouted[StatusClass::k4xx].Add(2);
  one[0].route->request_seconds.Observe(milliseconds(5));
  other[0].route->request_seconds.Observe(milliseconds(80));
  const StatusTotals all = registry.Sum().requests();
  CHECK(all == StatusTotals{0, 7, 0, 2, 1});
  const std::string text = registry.Render(ExpositionFormat::kPrometheus, {});
  CHECK(HasLine(text, "sheaf_http_requests_total{route=\"/api\",status=\"2xx\"} 7"));
  CHECK(HasLine(text, "sheaf_http_requests_total{route=\"/\",status=\"5xx\"} 1"));
  CHECK(HasLine(text, "sheaf_http_requests_total{route=\"/\",status=\"3xx\"} 0"));
  CHECK(HasLine(text, "sheaf_http_requests_total{route=\"none\",status=\"4xx\"} 2"));
  const std::string seconds = "sheaf_http_request_duration_seconds";
  CHECK(HasLine(text, seconds + "_bucket{route=\"/api\",le=\"0.005\"} 1"));
  CHECK(HasLine(text, seconds + "_bucket{route=\"/api\",le=\"0.1\"} 2"));
  CHECK(HasLine(text, seconds + "_bucket{route=\"/api\",le=\"+Inf\"} 2"));
  CHECK(HasLine(text, seconds + "_sum{route=\"/api\"} 0.085"));
  CHECK(HasLine(text, seconds + "_count{route=\"/\"} 0"));
}

TEST_CASE("Ends of sessions are counted by code and by who ended them") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& metrics = registry.AddWorker();
  const auto end = [&metrics](uint16_t code, CloseReason reason) {
    metrics.websocket_close_codes_total[CloseEndOf(code, reason)].Add();
  };
  end(1000, CloseReason::kClientClosed);
  end(1000, CloseReason::kUpstreamClosed);
  end(0, CloseReason::kClientGone);
  end(1012, CloseReason::kUpstreamGone);
  end(1013, CloseReason::kMemoryShed);
  end(3000, CloseReason::kClientClosed);
  end(4999, CloseReason::kUpstreamClosed);
  for (const uint16_t code : {uint16_t{999}, uint16_t{1006}, uint16_t{2999}, uint16_t{5000}, uint16_t{65535}}) {
    end(code, CloseReason::kClientClosed);
  }
  const std::string text = registry.Render(ExpositionFormat::kPrometheus, {});
  const auto has = [&text](const std::string& labels, int count) {
    CHECK(HasLine(text, "sheaf_websocket_close_codes_total{" + labels + "} " + std::to_string(count)));
  };
  has("code=\"1000\",by=\"client\"", 1);
  has("code=\"1000\",by=\"upstream\"", 1);
  has("code=\"1000\",by=\"sheaf\"", 0);
  has("code=\"none\",by=\"client\"", 1);
  has("code=\"1012\",by=\"upstream\"", 1);
  has("code=\"1013\",by=\"sheaf\"", 1);
  has("code=\"3xxx\",by=\"client\"", 1);
  has("code=\"4xxx\",by=\"upstream\"", 1);
  has("code=\"other\",by=\"client\"", 5);
}

TEST_CASE("Every code has the label that it is called by") {
  for (size_t i = 0; i < CloseCodeLabels::kCount; ++i) {
    const std::string label(CloseCodeLabels::At(i));
    if (label.starts_with("1")) CHECK(CloseCodeLabels::IndexOf(static_cast<uint16_t>(std::stoi(label))) == i);
  }
}

TEST_CASE("The binary names the commit that it was built from") {
  CHECK_FALSE(BuildCommit().empty());
  CHECK(BuildCommit().find_first_of(" \n") == std::string_view::npos);
}

TEST_CASE("A time over a bound by less than a tick is not under it") {
  Histogram<RequestSecondsBuckets> histogram;
  histogram.Observe(milliseconds(1));
  histogram.Observe(milliseconds(1) + std::chrono::nanoseconds(1));
  CHECK(histogram.bucket(0) == 1);
  CHECK(histogram.bucket(1) == 1);
  CHECK(histogram.sum() == 2001);  // microseconds
}

TEST_CASE("A family has one heading, and none where no route has such a rule") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& worker = registry.AddWorker();
  worker.routes.Cells({.route = "/a", .critical = {"x"}, .conflated = {}});
  worker.routes.Cells({.route = "/b", .critical = {"x"}, .conflated = {}});
  const std::string text = registry.Render(ExpositionFormat::kPrometheus, {});
  const size_t heading = text.find("# TYPE sheaf_critical_messages_total");
  REQUIRE(heading != std::string::npos);
  CHECK(text.find("# TYPE sheaf_critical_messages_total", heading + 1) == std::string::npos);
  CHECK(text.find("sheaf_conflated_messages_total") == std::string::npos);
  CHECK(MetricsRegistry("1.0").Render(ExpositionFormat::kPrometheus, {}).find("sheaf_dropped_messages_total") ==
        std::string::npos);
}

TEST_CASE("Labels from the conf file are escaped") {
  MetricsRegistry registry("1.0");
  registry.AddWorker().routes.Cells({.route = "/a", .critical = {"say \"hi\"\\\n\xC3\xA9"}, .conflated = {}});
  CHECK(HasLine(registry.Render(ExpositionFormat::kPrometheus, {}),
                "sheaf_critical_messages_total{route=\"/a\",rule=\"say \\\"hi\\\"\\\\\\n\xC3\xA9\"} 0"));
}

TEST_CASE("Buckets are cumulative, in seconds, and end with +Inf, sum and count") {
  MetricsRegistry registry("1.0");
  WorkerMetrics& metrics = registry.AddWorker();
  metrics.pool_acquire_seconds.Observe(microseconds(5));
  metrics.pool_acquire_seconds.Observe(milliseconds(500));
  metrics.pool_acquire_seconds.Observe(seconds(20));
  const std::string text = registry.Render(ExpositionFormat::kPrometheus, {});
  CHECK(HasLine(text, "sheaf_pool_acquire_seconds_bucket{le=\"1e-05\"} 1"));
  CHECK(HasLine(text, "sheaf_pool_acquire_seconds_bucket{le=\"0.25\"} 1"));
  CHECK(HasLine(text, "sheaf_pool_acquire_seconds_bucket{le=\"0.5\"} 2"));
  CHECK(HasLine(text, "sheaf_pool_acquire_seconds_bucket{le=\"10\"} 2"));
  CHECK(HasLine(text, "sheaf_pool_acquire_seconds_bucket{le=\"+Inf\"} 3"));
  CHECK(HasLine(text, "sheaf_pool_acquire_seconds_count 3"));
  CHECK(text.find("sheaf_pool_acquire_seconds_sum 20.500005") != std::string::npos);
}

TEST_CASE("The process's own figures are read from the kernel") {
  const ProcessUsage before = ReadProcessUsage();
  REQUIRE(before.open_descriptors);
  REQUIRE(before.resident_bytes);
  CHECK(*before.resident_bytes > 100'000);
  CHECK(*before.virtual_bytes >= *before.resident_bytes);
  CHECK(*before.max_descriptors >= *before.open_descriptors);
  const std::ifstream one_more("/proc/self/stat");
  CHECK(*ReadProcessUsage().open_descriptors == *before.open_descriptors + 1);
}

TEST_CASE("A figure that the kernel does not tell is left out instead of being written as 0") {
  Exposition exposition(ExpositionFormat::kPrometheus);
  AppendProcessMetrics({"2.0", "0123abc", std::chrono::system_clock::time_point(seconds(1'700'000'001)), 4},
                       ProcessUsage{}, exposition);
  const std::string text = exposition.Take();
  CHECK(HasLine(text, "sheaf_build_info{version=\"2.0\",commit=\"0123abc\"} 1"));
  CHECK(HasLine(text, "sheaf_workers 4"));
  CHECK(HasLine(text, "process_start_time_seconds 1700000001"));
  CHECK(text.find("process_open_fds") == std::string::npos);
  CHECK(text.find("process_resident_memory_bytes") == std::string::npos);
}

}  // namespace
}  // namespace sheaf
