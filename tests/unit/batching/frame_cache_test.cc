#include "batching/frame_cache.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf::batching {
namespace {

using wire::Opcode;

struct Fixture {
  WorkerMetrics metrics;
  MessageStore store;
  FrameCache cache{store, metrics};

  std::vector<MessageRef> Texts(std::initializer_list<std::string> texts) {
    std::vector<MessageRef> messages;
    for (const std::string& text : texts) messages.push_back(store.Intern(Opcode::kText, text));
    return messages;
  }
  uint64_t encodings() const { return metrics.encodings_total.value(); }
  uint64_t shared() const { return metrics.encodings_shared_total.value(); }
};

const Encoder& json = EncoderFor(Envelope::kJson);

std::string Json(size_t size) {
  return "\"" + std::string(size - 2, 'x') + "\"";
}

std::string Batch(const std::string& message) {
  return R"({"type":"batch","batch_size":1,"messages":[)" + message + "]}";
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a batch for a thousand sessions is encoded once, and then known to be for many") {
  const auto messages = Texts({Json(200), R"({"a":1})"});
  const MessageRef first = cache.Get(json, messages);
  CHECK_EQ(first->text(), R"({"type":"batch","batch_size":2,"messages":[)" + Json(200) + R"(,{"a":1}]})");
  CHECK_FALSE(first->shared());
  for (int i = 1; i < 1000; ++i) CHECK(cache.Get(json, messages) == first);
  CHECK(first->shared());
  CHECK_EQ(encodings(), 1);
  CHECK_EQ(shared(), 999);
}

TEST_CASE_FIXTURE(Fixture, "sessions that intern the same broadcast share its frame") {
  for (int i = 0; i < 1000; ++i) cache.Get(json, Texts({"1", "2"}));
  CHECK_EQ(encodings(), 1);
  CHECK_EQ(shared(), 999);
}

TEST_CASE_FIXTURE(Fixture, "other messages, another order, another number or another envelope is another frame") {
  const std::string a = Json(100);
  const std::string b = Json(101);
  const MessageRef frame = cache.Get(json, Texts({a, b}));
  CHECK_EQ(cache.Get(json, Texts({b, a}))->text(),
           R"({"type":"batch","batch_size":2,"messages":[)" + b + "," + a + "]}");
  CHECK_NE(cache.Get(json, Texts({a, b, a}))->text(), frame->text());
  CHECK_NE(cache.Get(json, Texts({a, a}))->text(), frame->text());
  CHECK_NE(cache.Get(EncoderFor(Envelope::kBinary), Texts({a, b}))->text(), frame->text());
  CHECK_EQ(encodings(), 5);
  CHECK_EQ(shared(), 0);
  CHECK(cache.Get(json, Texts({a, b})) == frame);
  CHECK_EQ(shared(), 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "a frame is forgotten when nobody asked for it for a whole period, and so are its messages") {
  cache.Get(json, Texts({"1", "2"}));
  cache.Get(json, Texts({"3", "4"}));
  cache.Expire();
  CHECK_EQ(cache.frames(), 2);
  cache.Get(json, Texts({"1", "2"}));
  cache.Expire();
  CHECK_EQ(cache.frames(), 1);
  cache.Get(json, Texts({"1", "2"}));
  CHECK_EQ(encodings(), 2);
  cache.Expire();
  cache.Expire();
  CHECK_EQ(cache.frames(), 0);
  CHECK_EQ(cache.bytes(), 0);
}

TEST_CASE_FIXTURE(Fixture, "a new message at the address of an old one does not get the old one's frame") {
  for (int i = 0; i < 50; ++i) {
    const std::string text = std::to_string(1000 + i);
    CHECK_EQ(cache.Get(json, Texts({text}))->text(), Batch(text));
    // The store forgets at once, and hands the same memory out again.
    store.Expire();
    store.Expire();
  }
}

TEST_CASE_FIXTURE(Fixture, "more frames than there are places: those in use stay, all are right") {
  const MessageRef hot = cache.Get(json, Texts({"1", "2"}));
  for (int i = 0; i < 5000; ++i) {
    const std::string text = std::to_string(10000 + i);
    CHECK_EQ(cache.Get(json, Texts({text}))->text(), Batch(text));
    CHECK(cache.Get(json, Texts({"1", "2"})) == hot);
  }
  CHECK_EQ(encodings(), 5001);
  CHECK_EQ(shared(), 5000);
  CHECK_LE(cache.frames(), 1024);
  CHECK_GT(cache.frames(), 900);
}

TEST_CASE_FIXTURE(Fixture, "the bytes that are kept are bounded, and a frame that is too large is made but not kept") {
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(1000 + i) + std::string(1024 * 1024, 'x');
    cache.Get(json, Texts({text}));
    CHECK_LE(cache.bytes(), FrameCache::kMaxBytes);
  }
  CHECK_GE(cache.frames(), 3);
  const size_t before = cache.bytes();
  const auto messages = Texts({Json(FrameCache::kMaxBytes / 4 + 1)});
  CHECK_EQ(cache.Get(json, messages)->text(), Batch(std::string(messages[0]->text())));
  CHECK_FALSE(cache.Get(json, messages)->shared());
  CHECK_EQ(encodings(), 102);
  CHECK_EQ(cache.bytes(), before);
}

TEST_CASE_FIXTURE(Fixture, "A trim forgets all frames, and what comes after it is made anew") {
  const auto messages = Texts({Json(500), Json(500)});
  cache.Get(json, messages);
  CHECK(cache.Trim() > 2000);
  CHECK(cache.frames() == 0);
  CHECK(cache.bytes() == 0);
  cache.Get(json, messages);
  CHECK(encodings() == 2);
}

}  // namespace sheaf::batching
