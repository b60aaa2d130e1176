// A worker's sessions as a query asks for them, against a model that sorts them all.
#include "proxy/connection_lister.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "proxy/plan/routes.h"
#include "tests/fakes/seated_session.h"

namespace sheaf {
namespace {

using Sort = SessionQuery::Sort;

struct MadeWorker : ContextFixture {
  MadeWorker() {
    options.log.access = false;
    options.memory.idle_after = std::chrono::milliseconds(0);  // each message is noted; all are idle
    options.websocket.close_timeout = std::chrono::hours(1);   // those that are closing stay so
    Make();
  }
};

struct Fixture {
  ~Fixture() {
    for (const auto& seat : seats) {
      directory.Remove(*seat->session);
      seat->session->Close(CloseReason::kDrain);
    }
  }

  SeatedSession& Join(const std::string& user, const std::string& target, const std::string& endpoint = "") {
    SessionInfo info;
    info.user = user;
    info.target = target;
    info.upstream = endpoint;
    info.started = worker.driver.loop().now();
    seats.push_back(std::make_unique<SeatedSession>(worker, info));
    members.sessions.Adopt(std::move(seats.back()->made));
    directory.Add(*seats.back()->session);
    return *seats.back();
  }
  // Sessions of few users and paths; many are alike in what they are sorted by.
  void JoinMany(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      SeatedSession& seat = Join(Pick({"", "alice", "bob"}), Pick({"/ws", "/ws/a", "/ws/a?x=1", "/wsx", "/"}),
                                 Pick({"127.0.0.1:1", "127.0.0.1:2"}));
      worker.driver.Turn();
      for (size_t left = random() % 3; left > 0; --left) seat.FromBackend(std::string(random() % 5, 'b'));
      if (random() % 20 == 0) seat.FillClient();
      if (random() % 10 == 0) seat.session->BeginClose(CloseReason::kDrain);
    }
    worker.driver.Settle();
  }
  std::string Pick(std::vector<std::string> of) { return of[random() % of.size()]; }

  SessionPart List(const SessionQuery& query, const SentSample* before = nullptr) { return lister.List(query, before); }
  std::vector<std::string> Ids(const SessionQuery& query) {
    std::vector<std::string> ids;
    for (const SessionPart::Row& row : List(query).rows) ids.push_back(row.view.id.ToString());
    return ids;
  }

  std::mt19937 random{7};
  MadeWorker worker;
  Directory directory{3};
  Members members;
  ConnectionLister lister{{.context = worker.context(), .members = members, .directory = directory}};
  std::vector<std::unique_ptr<SeatedSession>> seats;
};

uint64_t Sent(const SeatedSession& seat) {
  return seat.session->outbox().sent().messages;
}

// What the page shows, by the words of the documentation.
bool Matches(const SessionView& view, const SessionQuery& query) {
  if (!query.user.empty() && view.user != query.user) return false;
  if (!query.path.empty() && !IsAtOrUnder(view.path, query.path)) return false;
  if (!query.backend.empty() && view.backend != query.backend) return false;
  if (!query.endpoint.empty() && view.endpoint != query.endpoint) return false;
  return !query.condition || view.condition == *query.condition;
}

int64_t KeyOf(const SessionView& view, Sort sort) {
  switch (sort) {
    case Sort::kIdle:
      return view.idle.count();
    case Sort::kAge:
      return view.age.count();
    case Sort::kQueued:
      return static_cast<int64_t>(view.queued_bytes);
    default:
      return static_cast<int64_t>(view.bytes_in + view.bytes_out);
  }
}

std::vector<std::string> Expected(const std::vector<SessionView>& all, const SessionQuery& query) {
  std::vector<SessionView> named;
  std::copy_if(all.begin(), all.end(), std::back_inserter(named),
               [&](const SessionView& view) { return Matches(view, query); });
  std::sort(named.begin(), named.end(), [&](const SessionView& a, const SessionView& b) {
    const int64_t left = KeyOf(a, query.sort);
    const int64_t right = KeyOf(b, query.sort);
    if (left != right) return query.ascending ? left < right : left > right;
    return a.id < b.id;
  });
  named.resize(std::min(named.size(), query.offset + query.limit));
  std::vector<std::string> ids;
  for (const SessionView& view : named) ids.push_back(view.id.ToString());
  return ids;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "Whatever is asked for, the rows are the first ones of those that are named, and all count") {
  JoinMany(120);
  std::vector<SessionView> all;
  for (const SessionPart::Row& row : List({.limit = 1000}).rows) all.push_back(row.view);
  REQUIRE(all.size() == 120);
  const std::vector<std::optional<SessionCondition>> conditions = {std::nullopt, SessionCondition::kIdle,
                                                                   SessionCondition::kSlow, SessionCondition::kClosing};
  size_t named = 0;
  for (int i = 0; i < 400; ++i) {
    SessionQuery query;
    query.user = Pick({"", "", "alice", "carol"});
    query.path = Pick({"", "", "/ws", "/ws/a", "/", "/wsx/"});
    query.backend = Pick({"", "", worker.upstream().name(), "other"});
    if (!query.backend.empty()) query.endpoint = Pick({"", "127.0.0.1:2", "127.0.0.1:3"});
    query.condition = conditions[random() % conditions.size()];
    query.sort = std::vector{Sort::kAge, Sort::kIdle, Sort::kBytes, Sort::kQueued}[random() % 4];
    query.ascending = random() % 2 == 0;
    query.limit = 1 + random() % 30;
    query.offset = random() % 30;
    CHECK(Ids(query) == Expected(all, query));
    const auto count = std::count_if(all.begin(), all.end(), [&](const SessionView& v) { return Matches(v, query); });
    CHECK_EQ(List(query).total, static_cast<uint64_t>(count));
    named += static_cast<size_t>(count);
  }
  CHECK(named > 1000);
}

TEST_CASE_FIXTURE(Fixture, "A session is active until it was idle for long enough, as the generation in force says") {
  Join("", "/ws");
  CHECK_EQ(List({.condition = SessionCondition::kIdle}).total, 1);
  worker.options.memory.idle_after = std::chrono::hours(1);
  worker.context().Adopt(std::make_shared<const Generation>(worker.options, "", nullptr),
                         {worker.context().upstream()});
  CHECK_EQ(List({.condition = SessionCondition::kIdle}).total, 0);
  CHECK_EQ(List({.condition = SessionCondition::kActive}).total, 1);
}

TEST_CASE_FIXTURE(Fixture, "A rate is what was sent since the sample, by the time since then") {
  SeatedSession& quiet = Join("quiet", "/ws");
  SeatedSession& loud = Join("loud", "/ws");
  for (int i = 0; i < 50; ++i) quiet.FromBackend("before the sample");
  worker.driver.Until([&] { return Sent(quiet) == 50; });
  SentSample before = lister.Sample();
  SeatedSession& fresh = Join("new", "/ws");
  for (int i = 0; i < 30; ++i) loud.FromBackend("0123456789");
  for (int i = 0; i < 4; ++i) fresh.FromBackend("x");
  quiet.FromBackend("y");
  worker.driver.Until([&] { return Sent(quiet) == 51 && Sent(loud) == 30 && Sent(fresh) == 4; });
  before.at = worker.driver.loop().now() - std::chrono::seconds(1000);  // what the turns took is little beside it
  const SessionPart part = List({.sort = Sort::kRate, .limit = 2}, &before);
  CHECK_EQ(part.total, 3);
  REQUIRE(part.rows.size() == 2);
  CHECK_EQ(part.rows[0].view.user, "loud");
  CHECK(part.rows[0].view.rates->messages == doctest::Approx(0.030).epsilon(0.01));
  CHECK(part.rows[0].view.rates->bytes == doctest::Approx(0.300).epsilon(0.01));
  CHECK_EQ(part.rows[1].view.user, "new");
  CHECK(part.rows[1].view.rates->messages == doctest::Approx(0.004).epsilon(0.01));
  const SessionPart least = List({.sort = Sort::kRate, .ascending = true, .limit = 1}, &before);
  CHECK_EQ(least.rows[0].view.user, "quiet");
  CHECK_FALSE(List({}).rows[0].view.rates.has_value());
}

TEST_CASE_FIXTURE(Fixture, "A sample has every session once, in the order of their ids") {
  JoinMany(50);
  const SentSample sample = lister.Sample();
  REQUIRE(sample.sent.size() == 50);
  for (size_t i = 0; i < 50; ++i) {
    CHECK_EQ(sample.sent[i].session, i + 1);
    CHECK_EQ(sample.sent[i].bytes, directory.Find(SessionId(3, i + 1))->outbox().sent().bytes);
  }
}

TEST_CASE_FIXTURE(Fixture, "One session is found by its id, as long as it is there") {
  const SeatedSession& one = Join("alice", "/ws");
  const auto detail = lister.Find(one.session->id());
  REQUIRE(detail.has_value());
  CHECK_EQ(detail->view.user, "alice");
  CHECK_FALSE(lister.Find(SessionId(3, 99)).has_value());
}

}  // namespace sheaf
