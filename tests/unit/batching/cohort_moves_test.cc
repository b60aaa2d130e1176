// Each way that a client's place can go (batching/cohorts.md), one by one; clients inflate what they get.
#include <doctest/doctest.h>

#include <array>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "batching/cohorts.h"
#include "tests/fakes/cohort_client.h"

namespace sheaf::batching {
namespace {

struct Fixture {
  // A message that several clients get.
  MessageRef Common(const std::string& text) {
    MessageRef message = store.Make(wire::Opcode::kText, text);
    store.MarkShared(*message);
    return message;
  }
  // One that is taken to be for many.
  MessageRef Mistaken(const std::string& text) { return store.Make(wire::Opcode::kText, text); }

  FrameContext Give(CohortClient& client, const MessageRef& message) {
    const auto given = cohorts.Give(client.place, message);
    REQUIRE(given);
    REQUIRE(client.Receive(given->frame) == message->text());
    frame_size = given->frame.size();
    return given->context;
  }
  // What the last ones did, each once.
  bool Moved(CohortMove move) {
    const uint64_t now = metrics.cohort_moves_total[move].value();
    return std::exchange(before[static_cast<size_t>(move)], now) < now;
  }
  // Clients that have got the same 40 quotes.
  void Settle(std::initializer_list<CohortClient*> clients) {
    for (int n = 0; n < 40; ++n) {
      const MessageRef message = Common(Quote(n));
      for (CohortClient* client : clients) Give(*client, message);
    }
    for (size_t move = 0; move < CohortMoveLabels::kCount; ++move) Moved(static_cast<CohortMove>(move));
  }
  static std::string Quote(int n) {
    return R"({"type":"quote","symbol":"AAPL","price":)" + std::to_string(n * 7919 % 1000) + R"(,"n":)" +
           std::to_string(n) + "}";
  }

  WorkerMetrics metrics;
  MessageStore store;
  Cohorts cohorts{store, wire::DeflateEffort{}, metrics};
  CohortClient a{15};
  CohortClient b{15};
  CohortClient c{15};
  CohortClient d{15};
  size_t frame_size = 0;
  std::array<uint64_t, CohortMoveLabels::kCount> before{};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the first who gets a message is alone, the second begins a line, the third hops there") {
  const MessageRef message = Mistaken(Quote(1));
  CHECK(Give(a, message) == FrameContext::kNone);
  CHECK(Moved(CohortMove::kAlone));
  CHECK_EQ(cohorts.lines(), 0);
  Give(b, message);
  CHECK(Moved(CohortMove::kBegin));
  Give(c, message);
  CHECK(Moved(CohortMove::kHop));
  CHECK_EQ(cohorts.lines(), 1);
  CHECK_EQ(metrics.deflate_messages_total.value(), 1);
  // The first one finds its message in the line by now.
  Give(a, Common(Quote(2)));
  CHECK(Moved(CohortMove::kAppend));
}

TEST_CASE_FIXTURE(Fixture, "at the end of the line a message is appended, and the others follow") {
  Settle({&a, &b});
  const MessageRef message = Common(Quote(100));
  CHECK(Give(a, message) == FrameContext::kLine12);
  CHECK(Moved(CohortMove::kAppend));
  CHECK(Give(b, message) == FrameContext::kLine12);
  CHECK(Moved(CohortMove::kFollow));
}

TEST_CASE_FIXTURE(Fixture, "a newcomer climbs the ladder: no context, the message before, 10 bits, 12 bits") {
  Settle({&a, &b});
  std::vector<FrameContext> seen;
  for (int n = 100; n < 180; ++n) {
    const MessageRef message = Common(Quote(n));
    Give(a, message);
    Give(b, message);
    const FrameContext context = Give(c, message);
    if (seen.empty() || seen.back() != context) seen.push_back(context);
  }
  CHECK(seen == std::vector{FrameContext::kNone, FrameContext::kTail, FrameContext::kLine10, FrameContext::kLine12});
}

TEST_CASE_FIXTURE(Fixture, "what one client got by mistake is cut off again, and that client comes back") {
  Settle({&a, &b});
  Give(a, Mistaken("an answer for one client alone, taken for a broadcast"));
  const MessageRef next = Common(Quote(100));
  CHECK(Give(b, next) == FrameContext::kLine12);
  CHECK(Moved(CohortMove::kRepair));
  CHECK(Give(a, next) == FrameContext::kNone);
  CHECK(Moved(CohortMove::kHop));
  const MessageRef last = Common(Quote(101));
  CHECK(Give(b, last) == FrameContext::kLine12);
  CHECK(Give(a, last) == FrameContext::kTail);
  CHECK(Moved(CohortMove::kFollow));
}

TEST_CASE_FIXTURE(Fixture, "who skipped a message hops, and all who skipped the same get one frame") {
  Settle({&a, &b, &c, &d});
  const MessageRef skipped = Common(Quote(100));
  Give(a, skipped);
  const MessageRef message = Common(Quote(101));
  Give(a, message);
  const uint64_t compressions = metrics.deflate_messages_total.value();
  CHECK(Give(b, message) == FrameContext::kTail);
  CHECK(Moved(CohortMove::kHop));
  CHECK(Give(c, message) == FrameContext::kLine12);
  CHECK(Moved(CohortMove::kFork));
  CHECK(Give(d, message) == FrameContext::kLine12);
  CHECK(Moved(CohortMove::kBranch));
  CHECK_EQ(metrics.deflate_messages_total.value(), compressions + 2);
  CHECK_EQ(cohorts.lines(), 2);
}

TEST_CASE_FIXTURE(Fixture, "two lines that get the same become one") {
  Settle({&a, &b, &c, &d});
  for (int n = 100; n < 102; ++n) {
    const MessageRef left = Common(Quote(n));
    const MessageRef right = Common(Quote(n + 1000));
    Give(a, left);
    Give(b, left);
    Give(c, right);
    Give(d, right);
  }
  CHECK_EQ(cohorts.lines(), 2);
  for (int n = 200; n < 260; ++n) {
    const MessageRef message = Common(Quote(n));
    for (CohortClient* client : {&a, &b, &c, &d}) Give(*client, message);
  }
  CHECK_EQ(metrics.cohort_merges_total.value(), 1);
  // Of two lines with as many clients neither is the larger one: one more decides.
  CohortClient e{15};
  for (int n = 260; n < 300; ++n) {
    const MessageRef message = Common(Quote(n));
    for (CohortClient* client : {&a, &b, &c, &d, &e}) Give(*client, message);
  }
  cohorts.Expire();
  CHECK_EQ(cohorts.lines(), 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "a client that lags behind gets the frames of its place; where that has gone, it begins anew") {
  Settle({&a, &b, &c});
  std::vector<MessageRef> messages;
  for (int n = 100; n < 200; ++n) messages.push_back(Common(Quote(n)));
  for (const MessageRef& message : messages) {
    Give(a, message);
    Give(b, message);
  }
  const uint64_t compressions = metrics.deflate_messages_total.value();
  for (const MessageRef& message : messages) CHECK(Give(c, message) == FrameContext::kLine12);
  CHECK_EQ(metrics.deflate_messages_total.value(), compressions);
  messages.clear();
  for (int n = 0; n < 40; ++n)
    messages.push_back(Common(Quote(n) + std::string(5000, static_cast<char>('a' + n % 26))));
  for (const MessageRef& message : messages) {
    Give(a, message);
    Give(b, message);
  }
  CHECK(Give(c, messages.front()) == FrameContext::kNone);
}

TEST_CASE_FIXTURE(Fixture, "a message for one client, compressed elsewhere, costs it its tail, and not its place") {
  Settle({&a, &b});
  const auto alone = cohorts.Alone(15, Mistaken("for one client alone"));
  REQUIRE(alone);
  a.Receive(*alone);
  a.place.LoseTail();
  CHECK(cohorts.LastBytes(a.place, 1000).empty());
  const MessageRef message = Common(Quote(100));
  CHECK(Give(b, message) == FrameContext::kLine12);
  CHECK(Give(a, message) == FrameContext::kNone);
  CHECK(Moved(CohortMove::kFollow));
}

TEST_CASE_FIXTURE(Fixture, "a client is poor behind what it skipped, and not behind what it got for itself") {
  Settle({&a, &b});
  for (int n = 100; n < 120; ++n) {
    a.place.LoseTail();
    const MessageRef message = Common(Quote(n));
    Give(b, message);
    CHECK_FALSE(cohorts.Track(a.place, message));
  }
  Give(b, Common(Quote(120)));
  for (int n = 121; n < 124; ++n) {
    const MessageRef message = Common(Quote(n));
    Give(b, message);
    CHECK(cohorts.Track(a.place, message));
  }
}

TEST_CASE_FIXTURE(Fixture, "a context of its own can begin with the last bytes that a client has") {
  Settle({&a, &b});
  const auto last = cohorts.LastBytes(a.place, 100);
  const std::string expected = Quote(37) + Quote(38) + Quote(39);
  CHECK_EQ(std::string(last.begin(), last.end()), expected.substr(expected.size() - 100));
  // What it gets in that context counts as well.
  const MessageRef message = Common(Quote(100));
  CHECK_FALSE(cohorts.Track(a.place, message));
  CHECK(Moved(CohortMove::kAppend));
  const auto newest = cohorts.LastBytes(a.place, message->size());
  CHECK_EQ(std::string(newest.begin(), newest.end()), message->text());
}

TEST_CASE_FIXTURE(Fixture, "empty messages, and one larger than the log, are messages as any other") {
  Settle({&a, &b});
  for (int n = 100; n < 110; ++n) {
    for (const std::string& text : {std::string(), std::string(200'000, static_cast<char>('a' + n % 26)), Quote(n)}) {
      const MessageRef message = Common(text);
      for (CohortClient* client : {&a, &b, &c}) Give(*client, message);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a client that goes leaves no trace, and a line without clients goes") {
  Settle({&a, &b});
  cohorts.Leave(a.place);
  cohorts.Leave(a.place);
  cohorts.Expire();
  CHECK_EQ(cohorts.lines(), 1);
  cohorts.Leave(b.place);
  cohorts.Expire();
  CHECK_EQ(cohorts.lines(), 0);
  for (int i = 0; i < 3; ++i) cohorts.Expire();
  CHECK_EQ(cohorts.bytes(), 0);
}

TEST_CASE_FIXTURE(Fixture, "places in a line that was thrown away are void, however often it is used anew") {
  Settle({&a, &b});
  for (int n = 0; n < 70'000; ++n) cohorts.Trim();
  Settle({&c, &d});
  const MessageRef message = Common(Quote(100));
  CHECK(Give(c, message) == FrameContext::kLine12);
  CHECK(Give(a, message) == FrameContext::kNone);
  cohorts.Leave(b.place);
  cohorts.Leave(a.place);
  cohorts.Expire();
  CHECK_EQ(cohorts.lines(), 1);
}

TEST_CASE_FIXTURE(Fixture, "the bound holds, the least used line goes first; a small bound means no sharing") {
  cohorts.SetBound(2 * CohortLines::kLeastBytes);
  for (int room = 0; room < 40; ++room) {
    CohortClient one{15};
    CohortClient other{15};
    for (int n = 0; n < 30; ++n) {
      const MessageRef message = Common(std::to_string(room) + std::string(3000, 'x') + Quote(n));
      Give(one, message);
      Give(other, message);
    }
    cohorts.Expire();
    CHECK_LE(cohorts.bytes(), 2 * CohortLines::kLeastBytes);
    cohorts.Leave(one.place);
    cohorts.Leave(other.place);
  }
  CHECK(cohorts.shares());
  cohorts.SetBound(CohortLines::kLeastBytes - 1);
  CHECK_FALSE(cohorts.shares());
  CHECK_EQ(cohorts.lines(), 0);
}

TEST_CASE_FIXTURE(Fixture, "a message that is repeated is compressed once each time, however often it comes") {
  Settle({&a, &b, &c});
  const MessageRef tick = Common("a tick that is always the same");
  const uint64_t before = metrics.deflate_messages_total.value();
  for (int n = 0; n < 300; ++n) {
    const MessageRef quote = Common(Quote(n));
    for (CohortClient* client : {&a, &b, &c}) {
      Give(*client, quote);
      Give(*client, tick);
    }
  }
  CHECK_EQ(metrics.deflate_messages_total.value() - before, 600);
}

TEST_CASE_FIXTURE(Fixture, "frames for single clients do not drive out the lines that many use") {
  cohorts.SetBound(4 * CohortLines::kLeastBytes);
  Settle({&a, &b});
  for (int n = 0; n < 10'000; ++n) {
    REQUIRE(cohorts.Alone(15, Mistaken(std::string(1000, static_cast<char>('a' + n % 26)) + std::to_string(n))));
    if (n % 4000 == 0) cohorts.Expire();
  }
  cohorts.Expire();
  CHECK_LE(cohorts.bytes(), 4 * CohortLines::kLeastBytes);
  CHECK(Give(a, Common(Quote(100))) == FrameContext::kLine12);
}

}  // namespace sheaf::batching
