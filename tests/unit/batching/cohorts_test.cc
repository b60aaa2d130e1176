// Cohort compression: each way that a client's place can go, and that whatever happens each client inflates what it was
// sent.
#include "batching/cohorts.h"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/fakes/cohort_client.h"

namespace sheaf::batching {
namespace {

struct Fixture {
  MessageRef Message(const std::string& text) { return store.Intern(wire::Opcode::kText, text, &store); }
  // Returns what the frame refers to.
  FrameContext Give(CohortClient& client, const MessageRef& message) {
    const auto given = cohorts.Give(client.place, message);
    REQUIRE(given);
    REQUIRE(client.Receive(given->frame) == message->text());
    return given->context;
  }
  uint64_t moves(CohortMove move) { return metrics.cohort_moves_total[move].value(); }
  uint64_t compressions() const { return metrics.deflate_messages_total.value(); }

  WorkerMetrics metrics;
  MessageStore store;
  Cohorts cohorts{store, wire::DeflateEffort{}, metrics};
};

std::string Quote(unsigned n) {
  return R"({"type":"quote","symbol":"SYM)" + std::to_string(n % 50) + R"(","price":)" + std::to_string(100 + n % 997) +
         "." + std::to_string(n * 7919 % 100) + R"(,"volume":)" + std::to_string(n * 104729 % 100000) + "}";
}

std::vector<std::unique_ptr<CohortClient>> Clients(size_t count, uint8_t window_bits = 15) {
  std::vector<std::unique_ptr<CohortClient>> clients;
  for (size_t i = 0; i < count; ++i) clients.push_back(std::make_unique<CohortClient>(window_bits));
  return clients;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "what all get is compressed once, and refers to what came before") {
  const auto clients = Clients(10);
  for (unsigned n = 0; n < 500; ++n) {
    const MessageRef message = Message(Quote(n));
    for (const auto& client : clients) Give(*client, message);
  }
  CHECK(compressions() < 520);
  CHECK(metrics.deflate_output_bytes_total.value() * 3 < metrics.deflate_input_bytes_total.value());
  CHECK_EQ(cohorts.lines(), 1);
}

// Whatever is thrown away or guessed wrongly: random messages, rooms, joins, skips, unicasts, windows.
TEST_CASE_FIXTURE(Fixture, "each client inflates what it was sent, whatever happens") {
  std::mt19937 random(1);
  const auto chance = [&random](unsigned one_in) { return random() % one_in == 0; };
  std::vector<std::unique_ptr<CohortClient>> clients;
  unsigned deliveries = 0;
  for (unsigned n = 0; deliveries < 300'000; ++n) {
    while (clients.size() < 60 || chance(4)) {
      clients.push_back(std::make_unique<CohortClient>(static_cast<uint8_t>(9 + random() % 7)));
    }
    if (chance(5)) {
      const size_t gone = random() % clients.size();
      cohorts.Leave(clients[gone]->place);
      clients.erase(clients.begin() + static_cast<ptrdiff_t>(gone));
    }
    std::string text = Quote(n);
    if (chance(20)) text = std::string(random() % 9000, static_cast<char>('a' + random() % 26)) + text;
    if (chance(50)) text = Quote(n / 100);
    if (chance(200)) text.assign(60'000 + random() % 5'000, 'x');
    if (chance(100)) text.clear();
    const MessageRef message = Message(text);
    const auto room = static_cast<unsigned>(random() % 12);
    for (size_t i = 0; i < clients.size(); ++i) {
      if (room < 6 && i % 6 != room) continue;
      if (room == 6 && chance(3)) continue;
      if (room == 7 && i != n % clients.size()) continue;
      if (chance(300)) {
        // Compressed elsewhere.
        clients[i]->place.LoseTail();
        const auto alone = cohorts.Alone(9, Message("for one alone " + std::to_string(n)));
        REQUIRE(alone);
        clients[i]->Receive(*alone);
      }
      Give(*clients[i], message);
      ++deliveries;
    }
    if (chance(20)) cohorts.Expire();
    if (chance(30)) store.Expire();
    if (chance(400)) cohorts.DropContexts();
    if (chance(2000)) cohorts.Trim();
  }
  for (size_t move = 0; move < CohortMoveLabels::kCount; ++move) {
    INFO(CohortMoveLabels::At(move));
    CHECK(metrics.cohort_moves_total.at(move).value() > 0);
    MESSAGE(CohortMoveLabels::At(move), " ", metrics.cohort_moves_total.at(move).value());
  }
  for (const auto& client : clients) cohorts.Leave(client->place);
  for (int i = 0; i < 3; ++i) cohorts.Expire();
  CHECK_EQ(cohorts.lines(), 0);
}

}  // namespace sheaf::batching
