#include "proxy/connections.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "proxy/operations.h"
#include "proxy/worker.h"

namespace sheaf {
namespace {

struct RowBefore {
  SessionPlace::Before by_place;
  bool operator()(const SessionPart::Row& a, const SessionPart::Row& b) const { return by_place(a.place, b.place); }
};

}  // namespace

// A list that is being made.
struct Connections::Merge {
  Merge(SessionQuery of, std::function<void(const SessionList&)> told)
      : query(std::move(of)),
        answered(std::move(told)),
        best(query.offset + query.limit, RowBefore{{.ascending = query.ascending}}) {}

  void Add(SessionPart part) {
    list.total += part.total;
    for (SessionPart::Row& row : part.rows) best.Add(std::move(row));
  }
  void Finish() {
    std::vector<SessionPart::Row> rows = best.Take();
    for (size_t i = query.offset; i < rows.size(); ++i) list.rows.push_back(std::move(rows[i].view));
    std::sort(list.late.begin(), list.late.end());
    answered(list);
  }

  const SessionQuery query;
  const std::function<void(const SessionList&)> answered;
  SessionList list{};
  BestFew<SessionPart::Row, RowBefore> best;
};

Connections::Connections(const Lent& lent)
    : lent_(lent),
      samples_(lent.main, lent.asks, [this](size_t worker) { return lent_.workers[worker]->connections().Sample(); }) {}

void Connections::List(SessionQuery query, std::function<void(const SessionList&)> answered) {
  const bool by_rate = query.sort == SessionQuery::Sort::kRate;
  const auto merge = std::make_shared<Merge>(std::move(query), std::move(answered));
  if (!by_rate) return Ask(merge, {});
  samples_.Take({.workers = AllOf(lent_.workers), .patience = lent_.patience}, lent_.workers.size(),
                [this, merge](const SentSamples::Samples& samples) { Ask(merge, samples); });
}

void Connections::Ask(const std::shared_ptr<Merge>& merge, const SentSamples::Samples& samples) {
  std::vector<size_t> workers = AllOf(lent_.workers);
  const auto is_late = [&samples](size_t worker) { return !samples.empty() && samples[worker] == nullptr; };
  std::copy_if(workers.begin(), workers.end(), std::back_inserter(merge->list.late), is_late);
  std::erase_if(workers, is_late);
  lent_.asks.Ask(
      {.workers = std::move(workers), .patience = lent_.patience},
      [this, merge, samples](size_t worker) -> Asks::Answer {
        const SentSample* const before = samples.empty() ? nullptr : samples[worker].get();
        const auto part =
            std::make_shared<SessionPart>(lent_.workers[worker]->connections().List(merge->query, before));
        return [merge, part] { merge->Add(std::move(*part)); };
      },
      [merge](const std::vector<size_t>& late) {
        merge->list.late.insert(merge->list.late.end(), late.begin(), late.end());
        merge->Finish();
      });
}

void Connections::Find(SessionId id, const std::function<void(const SessionFound&)>& answered) {
  std::vector<size_t> workers;
  if (id.worker() < lent_.workers.size()) workers.push_back(id.worker());
  const auto found = std::make_shared<SessionFound>();
  lent_.asks.Ask(
      {.workers = std::move(workers), .patience = lent_.patience},
      [this, id, found](size_t worker) -> Asks::Answer {
        return [found, detail = lent_.workers[worker]->connections().Find(id)] { found->detail = detail; };
      },
      [found, answered](const std::vector<size_t>& late) {
        found->late = late;
        answered(*found);
      });
}

}  // namespace sheaf
