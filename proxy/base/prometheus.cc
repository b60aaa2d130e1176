#include "proxy/base/prometheus.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace sheaf {
namespace {

std::string ToText(uint64_t value) {
  return std::to_string(value);
}
std::string ToText(int64_t value) {
  return std::to_string(value);
}

// The shortest decimal text that reads back as the same number, in any locale.
std::string ToText(double value) {
  std::array<char, 400> digits;  // no double is longer
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  return {digits.data(), end};
}

void AppendHeading(std::string_view name, std::string_view type, std::string_view help, std::string& text) {
  text.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

// key="label", escaped by the rules of the format: labels of rules come from the conf file.
std::string Label(std::string_view key, std::string_view label) {
  std::string text = std::string(key) + "=\"";
  for (const char c : label) {
    if (c == '\\' || c == '"') text.push_back('\\');
    text.append(c == '\n' ? std::string("\\n") : std::string(1, c));
  }
  return text + "\"";
}

void AppendSample(std::string_view name, std::string_view labels, const std::string& value, std::string& text) {
  text.append(name);
  if (!labels.empty()) text.append("{").append(labels).append("}");
  text.append(" ").append(value).append("\n");
}

template <typename T>
void AppendScalar(std::string_view name, std::string_view type, std::string_view help, T value, std::string& text) {
  AppendHeading(name, type, help, text);
  AppendSample(name, {}, ToText(value), text);
}

// Every label value is written, also where the count is 0: a series that is missing before its first event makes rate()
// and alerts blind to just that event.
template <typename Labels, typename Values>
void AppendArray(std::string_view name, std::string_view type, std::string_view key, std::string_view help,
                 const Values& values, std::string& text) {
  AppendHeading(name, type, help, text);
  for (size_t i = 0; i < Labels::kCount; ++i) AppendSample(name, Label(key, Labels::At(i)), ToText(values[i]), text);
}

template <typename Buckets>
void AppendHistogram(std::string_view name, std::string_view help, const HistogramTotals<Buckets>& histogram,
                     std::string& text) {
  AppendHeading(name, "histogram", help, text);
  const std::string bucket = std::string(name) + "_bucket";
  uint64_t cumulative = 0;
  for (size_t i = 0; i < Buckets::kBounds.size(); ++i) {
    cumulative += histogram.buckets[i];
    const double bound = static_cast<double>(Buckets::kBounds[i]) * Buckets::kScale;
    AppendSample(bucket, Label("le", ToText(bound)), ToText(cumulative), text);
  }
  AppendSample(bucket, Label("le", "+Inf"), ToText(histogram.count()), text);
  AppendSample(std::string(name) + "_sum", {}, ToText(static_cast<double>(histogram.sum) * Buckets::kScale), text);
  AppendSample(std::string(name) + "_count", {}, ToText(histogram.count()), text);
}

// One family of counters, a series a rule. Where there is no rule, there is no family.
struct RuleFamily {
  std::string_view name;
  std::string_view help;
  std::vector<std::string> RouteLabels::*labels;
  std::vector<uint64_t> RouteTotals::*counts;
};

void AppendRules(const RuleFamily& family, const std::vector<RouteLabels>& routes,
                 const std::vector<RouteTotals>& totals, std::string& text) {
  bool first = true;
  for (size_t route = 0; route < totals.size(); ++route) {
    const std::vector<std::string>& rules = routes[route].*family.labels;
    for (size_t rule = 0; rule < rules.size(); ++rule) {
      if (first) AppendHeading(family.name, "counter", family.help, text);
      first = false;
      AppendSample(family.name, Label("route", routes[route].route) + "," + Label("rule", rules[rule]),
                   ToText((totals[route].*family.counts)[rule]), text);
    }
  }
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

void AppendMetrics(const MetricsTotals& totals, std::string& text) {
#define SHEAF_COUNTER(member, name, help) AppendScalar(name, "counter", help, totals.member, text);
#define SHEAF_GAUGE(member, name, help) AppendScalar(name, "gauge", help, totals.member, text);
#define SHEAF_COUNTERS(member, name, key, labels, help) \
  AppendArray<labels>(name, "counter", key, help, totals.member, text);
#define SHEAF_GAUGES(member, name, key, labels, help) \
  AppendArray<labels>(name, "gauge", key, help, totals.member, text);
#define SHEAF_HISTOGRAM(member, name, buckets, help) AppendHistogram(name, help, totals.member, text);
  SHEAF_METRICS(SHEAF_COUNTER, SHEAF_GAUGE, SHEAF_GAUGE, SHEAF_COUNTERS, SHEAF_GAUGES, SHEAF_HISTOGRAM)
#undef SHEAF_COUNTER
#undef SHEAF_GAUGE
#undef SHEAF_COUNTERS
#undef SHEAF_GAUGES
#undef SHEAF_HISTOGRAM
}

void AppendRouteMetrics(const std::vector<RouteLabels>& routes, const std::vector<RouteTotals>& totals,
                        std::string& text) {
  AppendRules({"sheaf_conflated_messages_total", "Queued messages whose place a newer one took, by conflation rule.",
               &RouteLabels::conflated, &RouteTotals::conflated},
              routes, totals, text);
  AppendRules({"sheaf_critical_messages_total", "Messages that left at once, by critical rule.", &RouteLabels::critical,
               &RouteTotals::critical},
              routes, totals, text);
  if (totals.empty()) return;
  constexpr std::string_view kDropped = "sheaf_dropped_messages_total";
  AppendHeading(kDropped, "counter", "Messages dropped because the client was too slow.", text);
  for (size_t i = 0; i < totals.size(); ++i) {
    AppendSample(kDropped, Label("route", routes[i].route), ToText(totals[i].dropped), text);
  }
}

void AppendProcessMetrics(const ProcessFacts& facts, const ProcessUsage& usage, std::string& text) {
  AppendHeading("sheaf_build_info", "gauge", "1, with the program's version as a label.", text);
  AppendSample("sheaf_build_info", Label("version", facts.version), "1", text);
  AppendScalar("sheaf_workers", "gauge", "Worker threads.", uint64_t{facts.workers}, text);
  const auto started = std::chrono::duration<double>(facts.started.time_since_epoch()).count();
  AppendScalar("process_start_time_seconds", "gauge", "Start of the process, seconds since 1970.", started, text);
  AppendScalar("process_cpu_seconds_total", "counter", "User and system CPU time spent.", usage.cpu_seconds, text);
  const auto append = [&text](std::string_view name, std::string_view help, const std::optional<uint64_t>& value) {
    if (value) AppendScalar(name, "gauge", help, *value, text);
  };
  append("process_resident_memory_bytes", "Resident memory.", usage.resident_bytes);
  append("process_virtual_memory_bytes", "Virtual memory.", usage.virtual_bytes);
  append("process_open_fds", "Open file descriptors.", usage.open_descriptors);
  append("process_max_fds", "Most file descriptors that the process may open.", usage.max_descriptors);
}

}  // namespace sheaf
