#include "batching/batcher.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace sheaf::batching {
namespace {

using When = Batcher::Verdict::When;

const TimePoint kStart(1000s);
// Fixed, so that what is under test decides.
constexpr BatchLimits kLimits{.size = 3, .max_bytes = 100, .timeout = 50ms, .adaptive = false};

struct Fixture {
  MessageStore store;
  QueuePool pool;
  Batcher batcher{pool};

  Batcher::Verdict Add(std::string_view text, const MessageFacts& facts = {.carriable = true}, TimePoint now = kStart,
                       const BatchLimits& limits = kLimits) {
    return batcher.Add(store.Intern(wire::Opcode::kText, text), facts, true, limits, now);
  }
  // "a+b|c": frames apart by |, a wrapped one with + between its messages (and one at its end if it is alone).
  std::string Take(const Encoder* encoder, const BatchLimits& limits = kLimits, size_t most = SIZE_MAX) {
    std::string frames;
    batcher.TakeFrames(encoder, limits, most, [&frames](std::span<const MessageRef> messages, bool wrapped) {
      if (!frames.empty()) frames += '|';
      std::string frame;
      for (const MessageRef& message : messages) {
        if (!frame.empty()) frame += '+';
        frame += message->text();
      }
      if (wrapped && messages.size() == 1) frame += '+';
      CHECK((wrapped || messages.size() == 1));
      frames += frame;
    });
    return frames;
  }
};

// The facts of a message `{"k":"X",...}` that a conflation rule matched with the key at its fixed place.
MessageFacts Keyed(uint16_t rule = 0) {
  return {.carriable = true, .replaceable = true, .conflate_rule = rule, .key_offset = 0, .key_size = 1};
}

const Encoder& Binary() {
  return EncoderFor(Envelope::kBinary);
}

TEST_CASE("the first message of a batch says when it leaves, the others wait") {
  Fixture fixture;
  const Batcher::Verdict first = fixture.Add("a");
  CHECK(first.when == When::kAt);
  CHECK(first.due == kStart + 50ms);
  CHECK(first.reason == FlushReason::kTimeout);
  CHECK(fixture.Add("b", {.carriable = true}, kStart + 10ms).when == When::kWaiting);
  CHECK(fixture.batcher.oldest() == kStart);
  CHECK(fixture.Take(&Binary()) == "a+b");
  CHECK(fixture.Add("c", {.carriable = true}, kStart + 60ms).due == kStart + 110ms);
  CHECK(fixture.batcher.oldest() == kStart + 60ms);
}

TEST_CASE("what makes a batch leave at once") {
  Fixture fixture;
  SUBCASE("its size") {
    fixture.Add("a");
    fixture.Add("b");
    const auto verdict = fixture.Add("c");
    CHECK(verdict.when == When::kNow);
    CHECK(verdict.reason == FlushReason::kSize);
  }
  SUBCASE("its bytes") {
    fixture.Add(std::string(60, 'x'));
    CHECK(fixture.Add(std::string(39, 'y')).when == When::kWaiting);
    CHECK(fixture.batcher.bytes() == 99);
    fixture.batcher.Clear();
    fixture.Add(std::string(60, 'x'));
    CHECK(fixture.Add(std::string(40, 'y')).reason == FlushReason::kBytes);
  }
  SUBCASE("a critical message") {
    fixture.Add("a");
    const auto verdict = fixture.Add("b", {.carriable = true, .critical = true});
    CHECK(verdict.when == When::kNow);
    CHECK(verdict.reason == FlushReason::kCritical);
    CHECK(fixture.Take(&Binary()) == "a+b");
  }
  SUBCASE("a message that the envelope cannot carry") {
    fixture.Add("a");
    const auto verdict = fixture.Add("b", {.carriable = false});
    CHECK(verdict.when == When::kNow);
    CHECK(verdict.reason == FlushReason::kAlone);
  }
  SUBCASE("no window") {
    BatchLimits adaptive = kLimits;
    adaptive.adaptive = true;
    const auto verdict = fixture.Add("a", {.carriable = true}, kStart, adaptive);
    CHECK(verdict.when == When::kNow);
    CHECK(verdict.reason == FlushReason::kAtOnce);
  }
}

TEST_CASE("an answer takes what is gathered before it along") {
  Fixture fixture;
  BatchLimits adaptive{.timeout = 50ms};
  for (int i = 0; i < 20; ++i) fixture.Add("x", {.carriable = true}, kStart + i * 1ms, adaptive);
  CHECK(fixture.Add("y", {.carriable = true}, kStart + 21ms, adaptive).when == When::kWaiting);
  fixture.batcher.window().OnClientMessage(kStart + 21ms);
  CHECK(fixture.Add("z", {.carriable = true}, kStart + 22ms, adaptive).when == When::kNow);
}

TEST_CASE("frames") {
  Fixture fixture;
  SUBCASE("without an encoder each message has one") {
    fixture.Add("a");
    fixture.Add("b");
    CHECK(fixture.Take(nullptr) == "a|b");
  }
  SUBCASE("what cannot be carried goes alone, in its place") {
    fixture.Add("a");
    fixture.Add("b");
    fixture.Add("!", {.carriable = false});
    fixture.Add("c");
    fixture.Add("?", {.carriable = false});
    CHECK(fixture.Take(&Binary()) == "a+b|!|c|?");
  }
  SUBCASE("one alone is wrapped only if it looks like an envelope") {
    fixture.Add("a", {.carriable = true, .look_alike = true});
    CHECK(fixture.Take(&Binary()) == "a+");
    fixture.Add("!", {.carriable = false, .look_alike = true});
    fixture.Add("b", {.carriable = true, .look_alike = true});
    fixture.Add("c");
    CHECK(fixture.Take(&Binary()) == "!+|b+c");
  }
  SUBCASE("no frame has more messages than size") {
    for (const char* text : {"a", "b", "c", "d", "e", "f", "g"}) fixture.Add(text);
    CHECK(fixture.Take(&Binary()) == "a+b+c|d+e+f|g");
  }
  SUBCASE("nor more bytes than max_bytes, but a larger message goes alone") {
    const std::string half(50, 'h');
    const std::string most(99, 'm');
    const std::string large(200, 'l');
    fixture.Add(half);
    fixture.Add(half);
    fixture.Add("x");
    fixture.Add(most);
    fixture.Add("y");
    fixture.Add(large);
    CHECK(fixture.Take(&Binary()) == half + "+" + half + "|" + "x+" + most + "|y|" + large);
  }
  CHECK(fixture.batcher.empty());
  CHECK(fixture.batcher.bytes() == 0);
  CHECK(fixture.Take(&Binary()).empty());
}

TEST_CASE("a newer message with the same key removes the older ones, and the rest keeps its order") {
  Fixture fixture;
  BatchLimits limits{.size = 100, .adaptive = false};
  const auto add = [&](std::string_view text, const MessageFacts& facts) {
    return fixture.Add(text, facts, kStart, limits);
  };
  add("A1", Keyed());
  add("A-other-rule", Keyed(1));
  add("B1", Keyed());
  add("A-no-key", {.carriable = true});
  const auto verdict = add("A2", Keyed());
  CHECK(verdict.replaced.messages == 1);
  CHECK(verdict.replaced.bytes == 2);
  CHECK(verdict.when == When::kWaiting);
  CHECK(fixture.batcher.messages() == 4);
  CHECK(fixture.Take(nullptr, limits) == "A-other-rule|B1|A-no-key|A2");
}

TEST_CASE("a message that overtakes removes the gathered ones of its key") {
  Fixture fixture;
  BatchLimits limits{.size = 100, .adaptive = false};
  fixture.Add("A1", Keyed(), kStart, limits);
  fixture.Add("B1", Keyed(), kStart, limits);
  const MessageRef newer = fixture.store.Intern(wire::Opcode::kText, "A2");
  CHECK(fixture.batcher.RemoveSameKey(*newer, Keyed()).messages == 1);
  CHECK(fixture.batcher.messages() == 1);
  CHECK(fixture.Take(nullptr, limits) == "B1");
  CHECK(fixture.batcher.RemoveSameKey(*newer, Keyed()).messages == 0);
}

TEST_CASE("the scope belongs to the key") {
  Fixture fixture;
  BatchLimits limits{.size = 100, .adaptive = false};
  MessageFacts facts{.carriable = true, .replaceable = true, .key_offset = 2, .key_size = 1, .scope_size = 2};
  fixture.Add("/aK1", facts, kStart, limits);
  CHECK(fixture.Add("/bK2", facts, kStart, limits).replaced.messages == 0);
  CHECK(fixture.Add("/aK3", facts, kStart, limits).replaced.messages == 1);
  CHECK(fixture.Take(nullptr, limits) == "/bK2|/aK3");
}

TEST_CASE("replacing for ever does not grow the queue") {
  Fixture fixture;
  BatchLimits limits{.size = 1000, .max_bytes = 1'000'000, .adaptive = false};
  for (int i = 0; i < 10'000; ++i) {
    fixture.Add(std::string(1, static_cast<char>('a' + i % 10)) + std::to_string(i), Keyed(), kStart, limits);
  }
  CHECK(fixture.batcher.messages() == 10);
  CHECK(fixture.Take(nullptr, limits).starts_with("a9990|b9991|"));
}

TEST_CASE("a batch whose only message is replaced keeps its time") {
  Fixture fixture;
  fixture.Add("A1", Keyed());
  CHECK(fixture.Add("A2", Keyed(), kStart + 10ms).when == When::kWaiting);
  CHECK(fixture.batcher.oldest() == kStart);
}

TEST_CASE("dropping the oldest that may go") {
  Fixture fixture;
  const auto may_go = [](const Message& message) { return message.text() != "keep"; };
  fixture.Add("a");
  fixture.Add("keep");
  fixture.Add("bb");
  fixture.Add("newest");
  CHECK(fixture.batcher.front()->text() == "a");
  CHECK(fixture.batcher.DropOldest(may_go) == 1);
  CHECK(fixture.batcher.front()->text() == "keep");
  CHECK(fixture.batcher.DropOldest(may_go) == 2);
  CHECK_FALSE(fixture.batcher.DropOldest(may_go));
  CHECK(fixture.batcher.messages() == 2);
  CHECK(fixture.batcher.bytes() == 10);
  fixture.Add("c");
  CHECK(fixture.Take(nullptr) == "keep|newest|c");
  fixture.Add("d");
  CHECK_FALSE(fixture.batcher.DropOldest(may_go));
}

TEST_CASE("dropping for ever does not grow the queue") {
  Fixture fixture;
  BatchLimits limits{.size = 1000, .max_bytes = 1'000'000, .adaptive = false};
  for (int i = 0; i < 10'000; ++i) {
    fixture.Add(std::to_string(i), {.carriable = true}, kStart, limits);
    if (i >= 10) CHECK(fixture.batcher.DropOldest([](const Message&) { return true; }));
  }
  CHECK(fixture.batcher.messages() == 10);
  CHECK(fixture.Take(nullptr, limits).starts_with("9990|9991|"));
}

TEST_CASE("the oldest leave alone, and the rest is a batch that came when its first did") {
  Fixture fixture;
  for (const char* text : {"a", "b", "c"}) {
    fixture.Add(text, {.carriable = true}, kStart + 10ms * (text[0] - 'a'));
  }
  CHECK(fixture.Take(nullptr, kLimits, 2) == "a|b");
  CHECK(fixture.batcher.messages() == 1);
  CHECK(fixture.batcher.bytes() == 1);
  CHECK(fixture.batcher.oldest() == kStart + 20ms);
  fixture.Add("d");
  CHECK(fixture.Take(&Binary()) == "c+d");
  CHECK(fixture.batcher.empty());
}

TEST_CASE("what was replaced or dropped is not counted among the oldest") {
  Fixture fixture;
  for (const char* text : {"x1", "y1", "x2", "z1"}) fixture.Add(text, Keyed());
  CHECK(fixture.Take(nullptr, kLimits, 1) == "y1");
  CHECK(fixture.Take(nullptr, kLimits, 5) == "x2|z1");
}

TEST_CASE("within a bound are those before which less was, and beyond it what could be replaced") {
  Fixture fixture;
  CHECK(fixture.batcher.CountWithin(1, 1, false) == 0);
  for (const char* text : {"aaaa", "bbbb", "cccc"}) fixture.Add(text);
  CHECK(fixture.batcher.CountWithin(0, 100, false) == 0);
  CHECK(fixture.batcher.CountWithin(2, 100, false) == 2);
  CHECK(fixture.batcher.CountWithin(100, 1, false) == 1);
  CHECK(fixture.batcher.CountWithin(100, 5, false) == 2);
  fixture.Add("kkkk", Keyed());
  fixture.Add("llll", Keyed());
  CHECK(fixture.batcher.CountWithin(3, 100, false) == 5);
  CHECK(fixture.batcher.CountWithin(2, 100, false) == 2);
  CHECK(fixture.batcher.CountWithin(0, 100, false) == 0);
}

TEST_CASE("attachments are not parted from what they belong to") {
  Fixture fixture;
  fixture.Add("packet");
  fixture.batcher.Add(fixture.store.Intern(wire::Opcode::kBinary, "attached"), {.carriable = true}, true, kLimits,
                      kStart);
  fixture.Add("next");
  CHECK(fixture.batcher.CountWithin(1, 100, true) == 2);
  CHECK(fixture.batcher.CountWithin(1, 100, false) == 1);
  CHECK(fixture.Take(nullptr, kLimits, 1) == "packet");
  CHECK(fixture.batcher.CountWithin(0, 0, true) == 1);
}

TEST_CASE("empty messages take memory, too") {
  Fixture fixture;
  fixture.Add("");
  CHECK(fixture.batcher.bytes() == 0);
  CHECK(fixture.batcher.memory() > 0);
}

TEST_CASE("queues are lent and given back") {
  Fixture fixture;
  fixture.Add("a");
  fixture.Take(nullptr);
  const size_t remembered = fixture.store.remembered();
  CHECK(remembered == 1);
  fixture.store.Expire();
  fixture.store.Expire();
  fixture.store.Expire();
  // A spare queue that still held its messages would keep them alive for nothing.
  CHECK(fixture.store.remembered() == 0);
  fixture.Add("b");
  CHECK(fixture.Take(nullptr) == "b");
}

}  // namespace
}  // namespace sheaf::batching
