#include "proxy/base/prometheus.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace sheaf {
namespace {

template <typename T>
void AppendScalar(std::string_view name, MetricType type, std::string_view help, T value, Exposition& text) {
  text.Begin(name, type, help);
  text.Add(name, {}, value);
}

// The i-th value of `Labels`, or the i-th pair where there are two.
template <typename Labels>
std::string LabelsAt(std::string_view key, size_t i) {
  if constexpr (requires { typename Labels::Second; }) {
    using Second = typename Labels::Second;
    return Label(key, Labels::First::At(i / Second::kCount)) + "," +
           Label(Labels::kSecondKey, Second::At(i % Second::kCount));
  } else {
    return Label(key, Labels::At(i));
  }
}

// Every label value is written, also where the count is 0: a series that is missing before its first event makes rate()
// and alerts blind to just that event.
template <typename Labels, typename Values>
void AppendArray(std::string_view name, MetricType type, std::string_view key, std::string_view help,
                 const Values& values, Exposition& text) {
  text.Begin(name, type, help);
  for (size_t i = 0; i < Labels::kCount; ++i) text.Add(name, LabelsAt<Labels>(key, i), values[i]);
}

// The samples of one histogram. `labels`: besides "le"; may be empty.
template <typename Buckets>
void AppendBuckets(std::string_view name, const std::string& labels, const HistogramTotals<Buckets>& histogram,
                   Exposition& text) {
  const std::string bucket = std::string(name) + "_bucket";
  const std::string before = labels.empty() ? "" : labels + ",";
  uint64_t cumulative = 0;
  for (size_t i = 0; i < Buckets::kBounds.size(); ++i) {
    cumulative += histogram.buckets[i];
    const double bound = static_cast<double>(Buckets::kBounds[i]) / Buckets::kPerUnit;
    text.Add(bucket, before + text.BoundLabel(bound), cumulative);
  }
  text.Add(bucket, before + Label("le", "+Inf"), histogram.count());
  text.Add(std::string(name) + "_sum", labels, static_cast<double>(histogram.sum) / Buckets::kPerUnit);
  text.Add(std::string(name) + "_count", labels, histogram.count());
}

template <typename Buckets>
void AppendHistogram(std::string_view name, std::string_view help, const HistogramTotals<Buckets>& histogram,
                     Exposition& text) {
  text.Begin(name, MetricType::kHistogram, help);
  AppendBuckets(name, {}, histogram, text);
}

// No route is called so: their names begin with a slash.
constexpr std::string_view kNoRoute = "none";

void AppendStatuses(std::string_view name, std::string_view route, const StatusTotals& counts, Exposition& text) {
  for (size_t i = 0; i < counts.size(); ++i) {
    text.Add(name, Label("route", route) + "," + Label("status", StatusClassLabels::At(i)), counts[i]);
  }
}

void AppendRequests(const MetricsTotals& totals, Exposition& text) {
  constexpr std::string_view kRequests = "sheaf_http_requests_total";
  text.Begin(kRequests, MetricType::kCounter,
             "HTTP requests answered, by class of the status, refusals and WebSocket handshakes included.");
  for (const RouteTotals& route : totals.routes) AppendStatuses(kRequests, route.labels.route, route.requests, text);
  AppendStatuses(kRequests, kNoRoute, totals.unrouted, text);
  if (totals.routes.empty()) return;
  constexpr std::string_view kSeconds = "sheaf_http_request_duration_seconds";
  text.Begin(kSeconds, MetricType::kHistogram,
             "Time from a request's head to the end of its answer, or to the 101 of a WebSocket handshake.");
  for (const RouteTotals& route : totals.routes) {
    AppendBuckets(kSeconds, Label("route", route.labels.route), route.request_seconds, text);
  }
}

// One family of counters, a series a rule. Where there is no rule, there is no family.
struct RuleFamily {
  std::string_view name;
  std::string_view help;
  std::vector<std::string> RouteLabels::*labels;
  std::vector<uint64_t> RouteTotals::*counts;
};

void AppendRules(const RuleFamily& family, const std::vector<RouteTotals>& routes, Exposition& text) {
  bool first = true;
  for (const RouteTotals& route : routes) {
    const std::vector<std::string>& rules = route.labels.*family.labels;
    for (size_t rule = 0; rule < rules.size(); ++rule) {
      if (first) text.Begin(family.name, MetricType::kCounter, family.help);
      first = false;
      text.Add(family.name, Label("route", route.labels.route) + "," + Label("rule", rules[rule]),
               (route.*family.counts)[rule]);
    }
  }
}

void AppendRouteSessions(const std::vector<RouteTotals>& routes, Exposition& text) {
  constexpr std::string_view kName = "sheaf_route_websocket_sessions";
  text.Begin(kName, MetricType::kGauge, "WebSocket sessions open now, by route.");
  for (const RouteTotals& route : routes) text.Add(kName, Label("route", route.labels.route), route.sessions);
}

// One family of counters, a series a route. There is a route at least.
void AppendRouteCounters(std::string_view name, std::string_view help, uint64_t RouteTotals::*count,
                         const std::vector<RouteTotals>& routes, Exposition& text) {
  text.Begin(name, MetricType::kCounter, help);
  for (const RouteTotals& route : routes) text.Add(name, Label("route", route.labels.route), route.*count);
}

std::optional<uint64_t> CountOpenDescriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator folder("/proc/self/fd", error);
  if (error) return std::nullopt;
  uint64_t count = 0;
  for ([[maybe_unused]] const auto& entry : folder) ++count;
  return count - 1;  // the descriptor of the reading itself
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) usage.cpu_seconds = Seconds(used.ru_utime) + Seconds(used.ru_stime);
  uint64_t virtual_pages = 0;
  uint64_t resident_pages = 0;
  if (std::ifstream statm("/proc/self/statm"); statm >> virtual_pages >> resident_pages) {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    usage.virtual_bytes = virtual_pages * page;
    usage.resident_bytes = resident_pages * page;
  }
  usage.open_descriptors = CountOpenDescriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_descriptors = limit.rlim_cur;
  return usage;
}

void AppendMetrics(const MetricsTotals& totals, Exposition& text) {
#define SHEAF_COUNTER(member, name, help) AppendScalar(name, MetricType::kCounter, help, totals.member, text);
#define SHEAF_GAUGE(member, name, help) AppendScalar(name, MetricType::kGauge, help, totals.member, text);
#define SHEAF_COUNTERS(member, name, key, labels, help) \
  AppendArray<labels>(name, MetricType::kCounter, key, help, totals.member, text);
#define SHEAF_GAUGES(member, name, key, labels, help) \
  AppendArray<labels>(name, MetricType::kGauge, key, help, totals.member, text);
#define SHEAF_HISTOGRAM(member, name, buckets, help) AppendHistogram(name, help, totals.member, text);
  SHEAF_METRICS(SHEAF_COUNTER, SHEAF_GAUGE, SHEAF_GAUGE, SHEAF_COUNTERS, SHEAF_GAUGES, SHEAF_HISTOGRAM)
#undef SHEAF_COUNTER
#undef SHEAF_GAUGE
#undef SHEAF_COUNTERS
#undef SHEAF_GAUGES
#undef SHEAF_HISTOGRAM
}

void AppendRouteMetrics(const MetricsTotals& totals, Exposition& text) {
  AppendRequests(totals, text);
  AppendRules({"sheaf_conflated_messages_total", "Gathered messages whose place a newer one took, by conflation rule.",
               &RouteLabels::conflated, &RouteTotals::conflated},
              totals.routes, text);
  AppendRules({"sheaf_critical_messages_total", "Messages that left at once, by critical rule.", &RouteLabels::critical,
               &RouteTotals::critical},
              totals.routes, text);
  if (totals.routes.empty()) return;
  AppendRouteSessions(totals.routes, text);
  AppendRouteCounters("sheaf_dropped_messages_total", "Messages dropped because the client was too slow.",
                      &RouteTotals::dropped, totals.routes, text);
  AppendRouteCounters("sheaf_deflate_route_input_bytes_total",
                      "Payload bytes for clients that agreed on compression, counted for each client.",
                      &RouteTotals::deflate_input_bytes, totals.routes, text);
  AppendRouteCounters("sheaf_deflate_route_output_bytes_total",
                      "These bytes as they were sent, compressed where it is worth it.",
                      &RouteTotals::deflate_output_bytes, totals.routes, text);
}

void AppendEndpointMetrics(const EndpointTable& endpoints, Exposition& text) {
  struct Row {
    std::string_view name;
    MetricType type;
    std::string_view help;
    uint64_t (*value)(const EndpointCounters&);
  };
  static constexpr Row kRows[] = {
      {"sheaf_endpoint_up", MetricType::kGauge,
       "1: the last attempt to reach the endpoint succeeded. 0: it failed, or nobody has tried.",
       [](const EndpointCounters& one) -> uint64_t { return one.up ? 1 : 0; }},
      {"sheaf_endpoint_draining", MetricType::kGauge, "1: an operator has said that the endpoint gets nothing new.",
       [](const EndpointCounters& one) -> uint64_t { return one.draining ? 1 : 0; }},
      {"sheaf_endpoint_sessions", MetricType::kGauge,
       "What the endpoint has to do: WebSockets, Engine.IO sessions that poll, and requests.",
       [](const EndpointCounters& one) -> uint64_t { return one.sessions; }},
      {"sheaf_endpoint_requests_total", MetricType::kCounter,
       "Requests and WebSocket handshakes that were given to the endpoint.",
       [](const EndpointCounters& one) -> uint64_t { return one.requests_total; }},
      {"sheaf_endpoint_failures_total", MetricType::kCounter,
       "Failed attempts to connect to the endpoint, and failed health checks.",
       [](const EndpointCounters& one) -> uint64_t { return one.failures_total; }},
  };
  const auto all = endpoints.All();
  if (all.empty()) return;
  const auto labels = [](const EndpointCounters& one) {
    return Label("backend", one.backend) + "," + Label("endpoint", one.endpoint);
  };
  for (const Row& row : kRows) {
    text.Begin(row.name, row.type, row.help);
    for (const auto& one : all) text.Add(row.name, labels(*one), row.value(*one));
  }
  constexpr std::string_view kLinks = "sheaf_endpoint_links";
  text.Begin(kLinks, MetricType::kGauge, "Connections to the endpoint, by state.");
  for (const auto& one : all) {
    for (size_t i = 0; i < one->links.size(); ++i) {
      text.Add(kLinks, labels(*one) + "," + Label("state", LinkStateLabels::At(i)), uint64_t{one->links[i]});
    }
  }
}

void AppendProbedState(const ProbedState& state, Exposition& text) {
  const auto append = [&text](std::string_view name, std::string_view help, bool holds) {
    AppendScalar(name, MetricType::kGauge, help, uint64_t{holds ? 1U : 0U}, text);
  };
  append("sheaf_ready", "1 while /readyz succeeds, else 0.", state.ready);
  append("sheaf_live", "1 while /livez succeeds, else 0: a worker hangs.", state.live);
  append("sheaf_draining", "1 from the begin of a drain until it is taken back or the process ends, else 0.",
         state.draining);
}

void AppendProcessMetrics(const ProcessFacts& facts, const ProcessUsage& usage, Exposition& text) {
  text.Begin("sheaf_build_info", MetricType::kInfo, "1, with the program's version and commit as labels.");
  text.Add("sheaf_build_info", Label("version", facts.version) + "," + Label("commit", facts.commit), uint64_t{1});
  AppendScalar("sheaf_workers", MetricType::kGauge, "Worker threads.", uint64_t{facts.workers}, text);
  const auto started = std::chrono::duration<double>(facts.started.time_since_epoch()).count();
  AppendScalar("process_start_time_seconds", MetricType::kGauge, "Start of the process, seconds since 1970.", started,
               text);
  AppendScalar("process_cpu_seconds_total", MetricType::kCounter, "User and system CPU time spent.", usage.cpu_seconds,
               text);
  const auto append = [&text](std::string_view name, std::string_view help, const std::optional<uint64_t>& value) {
    if (value) AppendScalar(name, MetricType::kGauge, help, *value, text);
  };
  append("process_resident_memory_bytes", "Resident memory.", usage.resident_bytes);
  append("process_virtual_memory_bytes", "Virtual memory.", usage.virtual_bytes);
  append("process_open_fds", "Open file descriptors.", usage.open_descriptors);
  append("process_max_fds", "Most file descriptors that the process may open.", usage.max_descriptors);
}

}  // namespace sheaf
