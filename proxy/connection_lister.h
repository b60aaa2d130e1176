// Shows the sessions of one worker: which of them a query names, and of these the first ones in its order; one alone;
// and what all have sent, so that a rate can be told from two moments.
//
// Owned by the worker; worker thread only. What it is lent outlives it. Looks at each session once, which is what it
// costs the others (10,000 sessions: less than a millisecond); texts are copied only of those that are shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/base/best_few.h"
#include "proxy/base/session_view.h"
#include "proxy/members.h"
#include "proxy/plan/context.h"
#include "proxy/session/directory.h"
#include "proxy/session/session_facts.h"

namespace sheaf {

// What the sessions of a worker had sent to their clients at one moment, by the number of the session's id.
struct SentSample {
  struct Sent {
    uint64_t session;  // SessionId::count
    uint64_t messages;
    uint64_t bytes;
  };
  TimePoint at;
  std::vector<Sent> sent;
};

// A worker's part of an answer.
struct SessionPart {
  struct Row {
    SessionPlace place;
    SessionView view;
  };
  uint64_t total = 0;
  std::vector<Row> rows;  // those that may be among the first offset + limit of all workers
};

class ConnectionLister {
 public:
  struct Lent {
    WorkerContext& context;
    Members& members;
    Directory& directory;
  };
  explicit ConnectionLister(const Lent& lent) : lent_(lent) {}

  // `before`: for Sort::kRate, a sample of some time ago; nullptr: rows have no rates.
  SessionPart List(const SessionQuery& query, const SentSample* before) const;
  std::optional<SessionDetail> Find(SessionId id) const;
  SentSample Sample() const;

 private:
  struct Candidate {
    SessionPlace place;
    const Session* session;
    SessionRates rates;
  };
  struct CandidateBefore {
    SessionPlace::Before by_place;
    bool operator()(const Candidate& a, const Candidate& b) const { return by_place(a.place, b.place); }
  };
  using Best = BestFew<Candidate, CandidateBefore>;

  SessionClock clock() const;
  SessionRates RatesOf(const Session& session, const SentSample& before) const;

  const Lent lent_;
};

}  // namespace sheaf
