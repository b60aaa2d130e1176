#include "proxy/admin/stats_requests.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "proxy/admin/stats.h"
#include "proxy/admin/stats_history.h"
#include "proxy/base/ascii.h"
#include "proxy/base/exposition.h"
#include "proxy/base/units.h"
#include "proxy/wire/query.h"

namespace sheaf {
namespace {

using Time = std::chrono::system_clock::time_point;

// "10m"
std::optional<Time> TimeBefore(std::string_view last) {
  constexpr std::chrono::hours kLongestHistory(24);  // memory.history has no more
  const auto time = ParseDuration(last);
  if (!time) return std::nullopt;
  return std::chrono::system_clock::now() - std::min<std::chrono::milliseconds>(*time, kLongestHistory);
}

// "1760000000.25", to the millisecond: samples' times are kept so, and a double does not hold them exactly.
std::optional<Time> TimeAt(std::string_view since) {
  constexpr double kLatest = 9e9;  // the clock has nanoseconds
  double seconds = 0;
  const auto [end, error] = std::from_chars(since.data(), since.data() + since.size(), seconds);
  const bool whole = error == std::errc{} && end == since.data() + since.size();
  if (!whole || !(seconds >= 0 && seconds <= kLatest)) return std::nullopt;
  return Time(std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(seconds)));
}

}  // namespace

void AnswerMetrics(const Asked& asked, const AdminReply& reply) {
  std::vector<std::string_view> accept;
  for (const wire::Field& field : asked.request.fields) {
    if (EqualsIgnoreCase(field.name, "Accept")) accept.push_back(field.value);
  }
  const ExpositionFormat format = FormatFor(accept);
  const AdminSource::Readiness readiness = asked.source.ready();
  reply({.content_type = ContentTypeOf(format),
         .extra_fields = "Vary: Accept\r\n",
         .body = asked.source.metrics().Render(
             format, {.ready = readiness.ready, .live = asked.live, .draining = readiness.draining})});
}

void AnswerStats(const Asked& asked, const AdminReply& reply) {
  reply({.body = StatsJson(asked.source.Stats()) + "\n"});
}

void AnswerSummary(const Asked& asked, const AdminReply& reply) {
  reply({.body = SummaryJson(asked.source.Stats()) + "\n"});
}

void AnswerHistory(const Asked& asked, const AdminReply& reply) {
  const auto last = wire::FindParameter(asked.request.target, "last");
  const auto since = wire::FindParameter(asked.request.target, "since");
  if (last && since) return reply(RefusalAnswer(400, "last and since: one of them"));
  std::optional<Time> begin = Time{};
  if (last) begin = TimeBefore(*last);
  if (since) begin = TimeAt(*since);
  if (!begin) {
    return reply(
        RefusalAnswer(400, last ? "last: a time such as 10m" : "since: seconds since 1970, such as 1760000000"));
  }
  reply({.body = HistoryJson(asked.source.memory_history().Since(*begin)) + "\n"});
}

}  // namespace sheaf
