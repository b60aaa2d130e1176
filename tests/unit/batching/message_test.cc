#include "batching/message.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

namespace sheaf::batching {
namespace {

using wire::Opcode;

}  // namespace

TEST_CASE("a message has the type and the bytes it was made of, and a copy of them") {
  MessageStore store;
  std::string payload("a\0b", 3);
  const MessageRef message = store.Intern(Opcode::kBinary, payload);
  payload[0] = 'x';
  CHECK_EQ(message->text(), std::string_view("a\0b", 3));
  CHECK_EQ(message->bytes().size(), 3);
  CHECK_EQ(message->bytes()[2], 'b');
  CHECK_FALSE(message->is_text());
  const MessageRef empty = store.Intern(Opcode::kText, {});
  CHECK_EQ(empty->size(), 0);
  CHECK(empty->is_text());
}

TEST_CASE("the same type and bytes are the same message, anything else is another one") {
  MessageStore store;
  const MessageRef message = store.Intern(Opcode::kText, "tick");
  CHECK(store.Intern(Opcode::kText, std::string("tick")) == message);
  CHECK_FALSE(store.Intern(Opcode::kBinary, "tick") == message);
  CHECK_FALSE(store.Intern(Opcode::kText, "tock") == message);
  CHECK_FALSE(store.Intern(Opcode::kText, "tick ") == message);
  MessageStore other;
  CHECK_FALSE(other.Intern(Opcode::kText, "tick") == message);
}

TEST_CASE("what an examiner found out is found by the next one who gets the message") {
  MessageStore store;
  store.Intern(Opcode::kText, "tick")->facts.critical = true;
  CHECK(store.Intern(Opcode::kText, "tick")->facts.critical);
  CHECK_FALSE(store.Intern(Opcode::kText, "tock")->facts.critical);
}

TEST_CASE("a message up to the largest shared size is remembered, a larger one is not") {
  MessageStore store;
  const std::string largest(MessageStore::kMaxShared, 'x');
  CHECK(store.Intern(Opcode::kText, largest) == store.Intern(Opcode::kText, largest));
  const std::string larger = largest + "x";
  const MessageRef first = store.Intern(Opcode::kText, larger);
  CHECK_FALSE(store.Intern(Opcode::kText, larger) == first);
  CHECK_EQ(first->text(), larger);
  CHECK_EQ(store.remembered(), 1);
}

TEST_CASE("a message is forgotten when nobody asked for it for a whole period") {
  MessageStore store;
  Message* kept = store.Intern(Opcode::kText, "kept").get();
  store.Intern(Opcode::kText, "gone")->facts.critical = true;
  store.Expire();
  CHECK_EQ(store.remembered(), 2);
  CHECK(store.Intern(Opcode::kText, "kept").get() == kept);
  store.Expire();
  CHECK_EQ(store.remembered(), 1);
  CHECK(store.Intern(Opcode::kText, "kept").get() == kept);
  CHECK_FALSE(store.Intern(Opcode::kText, "gone")->facts.critical);
  store.Expire();
  store.Expire();
  store.Expire();
  CHECK_EQ(store.remembered(), 0);
}

TEST_CASE("a message that is forgotten lives on for those who hold it") {
  MessageStore store;
  const MessageRef held = store.Intern(Opcode::kText, "held");
  store.Expire();
  store.Expire();
  CHECK_EQ(store.remembered(), 0);
  CHECK_EQ(held->text(), "held");
  CHECK_FALSE(store.Intern(Opcode::kText, "held") == held);
}

TEST_CASE("refs count: copied, moved and assigned ones keep their message") {
  MessageStore store;
  MessageRef a = store.Intern(Opcode::kText, "a");
  MessageRef b = store.Intern(Opcode::kText, "b");
  MessageRef copy = a;
  MessageRef moved = std::move(a);
  CHECK_FALSE(a);
  CHECK(moved == copy);
  copy = b;
  const MessageRef& itself = moved;
  moved = itself;
  b = MessageRef();
  store.Expire();
  store.Expire();
  CHECK_EQ(moved->text(), "a");
  CHECK_EQ(copy->text(), "b");
}

TEST_CASE("of more messages than there are places the least lately asked for goes") {
  MessageStore store;
  std::vector<const Message*> hot(4);
  for (size_t i = 0; i < hot.size(); ++i) hot[i] = store.Intern(Opcode::kText, "hot" + std::to_string(i)).get();
  for (size_t i = 0; i < 50'000; ++i) {
    store.Intern(Opcode::kText, std::to_string(i));
    CHECK(store.Intern(Opcode::kText, "hot" + std::to_string(i % 4)).get() == hot[i % 4]);
  }
  CHECK_LE(store.remembered(), 4096);
  CHECK_GT(store.remembered(), 4000);
}

TEST_CASE("what is remembered is bounded by its bytes too") {
  MessageStore store;
  std::string payload(MessageStore::kMaxShared, 'x');
  for (size_t i = 0; i < 1000; ++i) {
    payload.replace(0, 4, std::to_string(1000 + i));
    CHECK_EQ(store.Intern(Opcode::kText, payload)->text(), payload);
    CHECK_LE(store.remembered() * MessageStore::kMaxShared, MessageStore::kMaxRemembered);
  }
  CHECK_GT(store.remembered(), 200);
  store.Expire();
  store.Expire();
  payload.replace(0, 4, "next");
  CHECK(store.Intern(Opcode::kText, payload) == store.Intern(Opcode::kText, payload));
}

TEST_CASE("the memory of a message that is gone serves the next one of about its size") {
  MessageStore store;
  std::vector<const Message*> blocks;
  for (int round = 0; round < 2; ++round) {
    const MessageRef message = store.Intern(Opcode::kText, std::string(300, static_cast<char>('a' + round)));
    blocks.push_back(message.get());
    store.Expire();
    store.Expire();
  }
  CHECK(blocks[0] == blocks[1]);
}

TEST_CASE("a message may be let go after its store is gone, and in another thread") {
  MessageRef late;
  {
    MessageStore store;
    late = store.Intern(Opcode::kText, "late");
  }
  CHECK_EQ(late->text(), "late");
  std::thread([message = std::move(late)]() mutable { message = MessageRef(); }).join();

  MessageRef from_thread;
  std::thread([&from_thread] {
    MessageStore store;
    from_thread = store.Intern(Opcode::kText, "from a thread");
  }).join();
  CHECK_EQ(from_thread->text(), "from a thread");
}

TEST_CASE("A trim forgets all messages and frees spare blocks; who still holds a message keeps it") {
  MessageStore store;
  const MessageRef kept = store.Intern(wire::Opcode::kText, "kept");
  for (int i = 0; i < 100; ++i) store.Intern(wire::Opcode::kText, "gone " + std::to_string(i));
  CHECK(store.Trim() > 100 * 6);
  CHECK(store.remembered() == 0);
  CHECK(store.Trim() == 0);
  CHECK(kept->text() == "kept");
  CHECK(store.Intern(wire::Opcode::kText, "kept")->text() == "kept");
}

TEST_CASE("a message that another receiver asks for, too, is for many; one that comes to the same again is not") {
  MessageStore store;
  const int one = 1;
  const int two = 2;
  const MessageRef own = store.Intern(wire::Opcode::kText, "for one", &one);
  const MessageRef common = store.Intern(wire::Opcode::kText, "for two", &one);
  CHECK_FALSE(own->shared());
  CHECK_FALSE(common->shared());
  CHECK(store.Intern(wire::Opcode::kText, "for two", &two) == common);
  CHECK(store.Intern(wire::Opcode::kText, "for one", &one) == own);
  CHECK_FALSE(own->shared());
  CHECK(common->shared());
  CHECK(store.IsForMany(*common));
  store.MarkShared(*own);
  CHECK(store.IsForMany(*own));
}

TEST_CASE("for whom a message is, is guessed from what came of those with the same beginning") {
  MessageStore store;
  const int one = 1;
  const int two = 2;
  const auto broadcast = [&](int n) { return "{\"type\":\"quote\",\"n\":" + std::to_string(n) + "}"; };
  const auto answer = [&](int n) { return "{\"type\":\"answer\",\"n\":" + std::to_string(n) + "}"; };
  const auto guess = [&](const std::string& text) {
    return store.IsForMany(*store.Intern(wire::Opcode::kText, text, &one));
  };
  CHECK_FALSE(guess(broadcast(0)));
  store.Intern(wire::Opcode::kText, broadcast(0), &two);
  CHECK(guess(broadcast(1)));
  store.Intern(wire::Opcode::kText, broadcast(1), &two);
  // Of an unknown kind, as messages are in general.
  CHECK(guess(answer(0)));
  // One that nobody else asked for by the time that it is forgotten does not turn a guess that was right; the next one
  // does.
  const auto forget = [&store] {
    for (int i = 0; i < 3; ++i) store.Expire();
  };
  CHECK(guess(broadcast(2)));
  forget();
  CHECK_FALSE(guess(answer(1)));
  CHECK(guess(broadcast(3)));
  forget();
  CHECK_FALSE(guess(broadcast(4)));
}

TEST_CASE("a message comes with the header of its frame") {
  MessageStore store;
  CHECK_EQ(store.Intern(wire::Opcode::kText, "hello")->frame(), "\x81\x05hello");
  CHECK_EQ(store.Intern(wire::Opcode::kText, "")->frame(), std::string_view("\x81\x00", 2));
  const MessageRef binary = store.Make(wire::Opcode::kBinary, std::string(300, 'b'));
  CHECK_EQ(binary->frame(), std::string("\x82\x7E\x01\x2C", 4) + std::string(300, 'b'));
  CHECK_EQ(binary->text(), std::string(300, 'b'));
}

TEST_CASE("a broadcast is one message for all that get it, known to be for many, and looked for once") {
  MessageStore store;
  const MessageRef first = store.InternBroadcast(7, Opcode::kText, "all");
  CHECK(first->shared());
  CHECK(store.InternBroadcast(7, Opcode::kText, "not looked at") == first);
  const MessageRef next = store.InternBroadcast(8, Opcode::kText, "all");
  CHECK(next == first);
  CHECK(store.InternBroadcast(9, Opcode::kBinary, "all") != first);
  const MessageRef large = store.InternBroadcast(10, Opcode::kText, std::string(MessageStore::kMaxShared + 1, 'x'));
  CHECK(store.InternBroadcast(10, Opcode::kText, "") == large);
}

TEST_CASE("a broadcast's number means nothing any more after the period, and after a trim") {
  for (const bool trims : {false, true}) {
    MessageStore store;
    const MessageRef first = store.InternBroadcast(7, Opcode::kText, "one");
    if (trims) {
      store.Trim();
    } else {
      store.Expire();
    }
    const MessageRef again = store.InternBroadcast(7, Opcode::kText, "other");
    CHECK_EQ(again->text(), "other");
  }
}

}  // namespace sheaf::batching
