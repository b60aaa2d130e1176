#include "proxy/connection_lister.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/plan/routes.h"

namespace sheaf {
namespace {

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

bool IsNamed(const Session& session, const SessionQuery& query, const SessionClock& clock) {
  if (!query.user.empty() && session.user() != query.user) return false;
  if (!query.path.empty() && !IsAtOrUnder(session.target(), query.path)) return false;
  if (!query.backend.empty() && !IsAtBackend(session, query)) return false;
  return !query.condition || ConditionOf(session, clock) == *query.condition;
}

// Ages are told by the time that they count from, which is the same in every worker and in every answer.
double KeyOf(const Session& session, const SessionRates& rates, SessionQuery::Sort sort) {
  switch (sort) {
    case SessionQuery::Sort::kIdle:
      return -Seconds(session.active_at().time_since_epoch());
    case SessionQuery::Sort::kBytes:
      return static_cast<double>(BytesOf(session));
    case SessionQuery::Sort::kRate:
      return rates.bytes;
    case SessionQuery::Sort::kQueued:
      return static_cast<double>(QueuedBytesOf(session));
    case SessionQuery::Sort::kAge:
      return -Seconds(session.record().started().time_since_epoch());
  }
  return 0;
}

}  // namespace

SessionClock ConnectionLister::clock() const {
  return {.now = lent_.context.loop().now(), .idle_after = lent_.context.options().memory.idle_after};
}

SessionPart ConnectionLister::List(const SessionQuery& query, const SentSample* before) const {
  const SessionClock now = clock();
  SessionPart part;
  Best best(query.offset + query.limit, CandidateBefore{{.ascending = query.ascending}});
  lent_.members.sessions.ForEach([&](const Session& session) {
    if (!IsNamed(session, query, now)) return;
    ++part.total;
    const SessionRates rates = before != nullptr ? RatesOf(session, *before) : SessionRates{};
    best.Add(
        {.place = {.key = KeyOf(session, rates, query.sort), .id = session.id()}, .session = &session, .rates = rates});
  });
  const std::vector<Candidate> chosen = best.Take();
  part.rows.reserve(chosen.size());
  for (const Candidate& one : chosen) {
    part.rows.push_back({.place = one.place, .view = ViewOf(*one.session, now)});
    if (before != nullptr) part.rows.back().view.rates = one.rates;
  }
  return part;
}

std::optional<SessionDetail> ConnectionLister::Find(SessionId id) const {
  const Session* const session = lent_.directory.Find(id);
  if (session == nullptr) return std::nullopt;
  return DetailOf(*session, clock());
}

SentSample ConnectionLister::Sample() const {
  SentSample sample{.at = lent_.context.loop().now(), .sent = {}};
  sample.sent.reserve(lent_.directory.size());
  lent_.members.sessions.ForEach([&sample](const Session& session) {
    const Outbox::Sent& sent = session.outbox().sent();
    sample.sent.push_back({.session = session.id().count(), .messages = sent.messages, .bytes = sent.bytes});
  });
  std::sort(sample.sent.begin(), sample.sent.end(),
            [](const SentSample::Sent& a, const SentSample::Sent& b) { return a.session < b.session; });
  return sample;
}

// A session that is not in the sample has begun since, with nothing sent.
SessionRates ConnectionLister::RatesOf(const Session& session, const SentSample& before) const {
  const uint64_t count = session.id().count();
  const auto found =
      std::lower_bound(before.sent.begin(), before.sent.end(), count,
                       [](const SentSample::Sent& one, uint64_t session_count) { return one.session < session_count; });
  const bool known = found != before.sent.end() && found->session == count;
  const Outbox::Sent& sent = session.outbox().sent();
  const double seconds = std::max(Seconds(lent_.context.loop().now() - before.at), 0.001);
  return {.messages = static_cast<double>(sent.messages - (known ? found->messages : 0)) / seconds,
          .bytes = static_cast<double>(sent.bytes - (known ? found->bytes : 0)) / seconds};
}

}  // namespace sheaf
