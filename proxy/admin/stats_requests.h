// What Sheaf counts: for Prometheus, and as the JSON documents of stats.h and stats_history.h.
#pragma once

#include "proxy/admin/asked.h"

namespace sheaf {

// In the form that the scraper asks for.
void AnswerMetrics(const Asked& asked, const AdminReply& reply);
void AnswerStats(const Asked& asked, const AdminReply& reply);
void AnswerSummary(const Asked& asked, const AdminReply& reply);
void AnswerHistory(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
