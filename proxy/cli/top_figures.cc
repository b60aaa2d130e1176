#include "proxy/cli/top_figures.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>

namespace sheaf::cli {
namespace {

// Histograms and counts by reason have only names that were counted, so that `before` may lack some.
std::map<std::string, double> CountsOf(const Json& stats, const std::string& path) {
  std::map<std::string, double> counts;
  for (const auto& [name, count] : stats.Members(path)) counts[name] = count.Number();
  return counts;
}

Buckets BucketsBetween(const Json& before, const Json& now, const std::string& path) {
  const auto earlier = CountsOf(before, path);
  Buckets buckets;
  for (const auto& [name, count] : CountsOf(now, path)) {
    const double bound = name == "+Inf" ? std::numeric_limits<double>::infinity() : std::strtod(name.c_str(), nullptr);
    const auto found = earlier.find(name);
    buckets.emplace_back(bound, count - (found == earlier.end() ? 0 : found->second));
  }
  std::sort(buckets.begin(), buckets.end());
  return buckets;
}

std::vector<TopFigures::Close> ClosesBetween(const Json& before, const Json& now) {
  const auto earlier = CountsOf(before, "sessions.closed");
  std::vector<TopFigures::Close> closes;
  for (const auto& [reason, total] : CountsOf(now, "sessions.closed")) {
    const auto found = earlier.find(reason);
    const double since = before.exists() ? total - (found == earlier.end() ? 0 : found->second) : 0;
    closes.push_back({.reason = reason, .since = since, .total = total});
  }
  std::stable_sort(closes.begin(), closes.end(), [](const auto& a, const auto& b) {
    return std::pair(a.since, a.total) > std::pair(b.since, b.total);
  });
  return closes;
}

}  // namespace

TopFigures Compare(const Json& before, const Json& now, double seconds) {
  TopFigures figures{.seconds = before.exists() ? seconds : 0, .closes = ClosesBetween(before, now)};
  const auto grown = [&](const char* path) { return now.Number(path) - before.Number(path); };
  const auto rate = [&](const char* path) { return figures.seconds > 0 ? grown(path) / figures.seconds : 0; };
  figures.opened = rate("sessions.total_sessions");
  figures.requests = rate("http.total_requests");
  figures.messages_to_clients = rate("sessions.messages_to_clients");
  figures.messages_to_upstream = rate("sessions.messages_to_upstream");
  // What a batch saves is told of frames, and what is not in a batch is a frame.
  figures.frames_to_clients =
      std::max(0.0, figures.messages_to_clients - rate("message_batcher.statistics.frames_saved"));
  figures.payload_bytes = rate("message_batcher.statistics.payload_bytes");
  figures.sent_bytes = rate("message_batcher.statistics.sent_bytes");
  figures.wire_bytes = rate("clients.sent_bytes");
  const double batches = grown("message_batcher.statistics.total_batches_sent");
  figures.batch_size = batches > 0 ? grown("message_batcher.statistics.total_messages") / batches : 0;
  const Buckets delays = BucketsBetween(before, now, "message_batcher.delay_ms_histogram");
  figures.delay_p50_ms = Quantile(delays, 0.5);
  figures.delay_p99_ms = Quantile(delays, 0.99);
  return figures;
}

double Quantile(const Buckets& buckets, double share) {
  double all = 0;
  for (const auto& [bound, count] : buckets) all += count;
  double left = all * share;
  double lower = 0;
  for (const auto& [bound, count] : buckets) {
    if (count > 0 && left <= count) return std::isinf(bound) ? lower : lower + (bound - lower) * left / count;
    left -= count;
    if (!std::isinf(bound)) lower = bound;
  }
  return all > 0 ? lower : 0;
}

}  // namespace sheaf::cli
