#include "proxy/admin/stats_requests.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "proxy/admin/stats.h"
#include "proxy/admin/stats_history.h"
#include "proxy/base/ascii.h"
#include "proxy/base/exposition.h"
#include "proxy/base/units.h"
#include "proxy/wire/query.h"

namespace sheaf {

void AnswerMetrics(const Asked& asked, AdminReply reply) {
  std::vector<std::string_view> accept;
  for (const wire::Field& field : asked.request.fields) {
    if (EqualsIgnoreCase(field.name, "Accept")) accept.push_back(field.value);
  }
  const ExpositionFormat format = FormatFor(accept);
  reply({.content_type = ContentTypeOf(format),
         .extra_fields = "Vary: Accept\r\n",
         .body = asked.source.metrics().Render(format)});
}

void AnswerStats(const Asked& asked, AdminReply reply) {
  reply({.body = StatsJson(asked.source.Stats()) + "\n"});
}

void AnswerSummary(const Asked& asked, AdminReply reply) {
  reply({.body = SummaryJson(asked.source.Stats()) + "\n"});
}

void AnswerHistory(const Asked& asked, AdminReply reply) {
  constexpr std::chrono::hours kLongestHistory(24);  // memory.history has no more
  auto since = std::chrono::system_clock::time_point{};
  if (const auto text = wire::FindParameter(asked.request.target, "last")) {
    const auto last = std::min<std::chrono::milliseconds>(ParseDuration(*text).value(), kLongestHistory);
    since = std::chrono::system_clock::now() - last;
  }
  reply({.body = HistoryJson(asked.source.memory_history().Since(since)) + "\n"});
}

}  // namespace sheaf
