// What cohort compression takes for the loads it is made for: bytes, and how often anything is compressed. Counts,
// which the same input always gives; the CPU that they cost is measured by tests/bench.sh.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "batching/cohorts.h"
#include "tests/fakes/cohort_client.h"

namespace sheaf::batching {
namespace {

class Load {
 public:
  explicit Load(
      size_t clients, const std::function<uint8_t(size_t)>& window = [](size_t) { return uint8_t{15}; }) {
    for (size_t i = 0; i < clients; ++i) Join(window(i));
  }

  unsigned Random(unsigned below) { return static_cast<unsigned>(random_()) % below; }
  size_t size() const { return clients_.size(); }

  std::string Quote() {
    static constexpr std::string_view kSymbols[] = {"AAPL", "MSFT", "GOOG", "AMZN", "NVDA", "TSLA"};
    now_ += Random(90);
    return R"({"type":"price_update","symbol":")" + std::string(kSymbols[Random(6)]) + R"(","price":)" +
           std::to_string(100 + Random(800)) + "." + std::to_string(10 + Random(90)) + R"(,"volume":)" +
           std::to_string(Random(1'000'000)) + R"(,"ts":)" + std::to_string(now_) + "}";
  }

  void Join(uint8_t window = 15) {
    clients_.push_back({std::make_unique<CohortClient>(window), joined_++ % kOneIn == 0});
  }
  void Leave(size_t i) {
    cohorts_.Leave(clients_[i].client->place);
    clients_.erase(clients_.begin() + static_cast<ptrdiff_t>(i));
  }

  // To the clients that `gets` says.
  void Send(
      const std::string& text, const std::function<bool(size_t)>& gets = [](size_t) { return true; }) {
    const MessageRef message = store_.Make(wire::Opcode::kText, text);
    store_.MarkShared(*message);
    ++messages_;
    for (size_t i = 0; i < clients_.size(); ++i) {
      if (!gets(i)) continue;
      const auto given = cohorts_.Give(clients_[i].client->place, message);
      REQUIRE(given);
      if (clients_[i].inflates) REQUIRE(clients_[i].client->Receive(given->frame) == text);
      bytes_ += given->frame.size();
      payload_ += text.size();
    }
    if (messages_ % 5 == 0) cohorts_.Expire();
  }

  // What was sent for 100 bytes of payload, frame headers included.
  double percent() const { return 100.0 * static_cast<double>(bytes_) / static_cast<double>(payload_); }
  double compressions() const {
    return static_cast<double>(metrics_.deflate_messages_total.value()) / static_cast<double>(messages_);
  }
  void Forget() { bytes_ = payload_ = 0; }
  size_t memory() const { return cohorts_.bytes(); }

 private:
  // So many are enough to show a wrong byte; all would take minutes.
  static constexpr size_t kOneIn = 25;
  struct Member {
    std::unique_ptr<CohortClient> client;
    bool inflates;
  };

  WorkerMetrics metrics_;
  MessageStore store_;
  Cohorts cohorts_{store_, wire::DeflateEffort{}, metrics_};
  std::vector<Member> clients_;
  size_t joined_ = 0;
  std::mt19937 random_{7};
  uint64_t now_ = 1'700'000'000'000;
  size_t messages_ = 0;
  size_t bytes_ = 0;
  size_t payload_ = 0;
};

void Tell(std::string_view name, const Load& load) {
  MESSAGE(name, ": ", load.percent(), " % of the payload, ", load.compressions(), " compressions a message, ",
          load.memory() / 1024, " KiB");
}

}  // namespace

TEST_CASE("quotes to all are compressed once, and take what contexts of their own would") {
  Load load(300);
  for (int n = 0; n < 2000; ++n) load.Send(load.Quote());
  Tell("quotes", load);
  CHECK(load.percent() < 27.0);
  CHECK(load.compressions() < 1.05);
  CHECK(load.memory() < 1024 * 1024);
}

TEST_CASE("a document of which little changes takes little") {
  Load load(100);
  std::vector<std::string> rows;
  for (int i = 0; i < 150; ++i) rows.push_back(load.Quote().substr(0, 48));
  for (int n = 0; n < 200; ++n) {
    for (int k = 0; k < 3; ++k) rows[load.Random(150)] = load.Quote().substr(0, 48);
    std::string document;
    for (const std::string& row : rows) document += row;
    load.Send(document);
  }
  Tell("state document", load);
  CHECK(load.percent() < 3.0);
  CHECK(load.compressions() < 1.05);
}

TEST_CASE("rooms sort themselves out") {
  Load load(300);
  for (unsigned n = 0; n < 6000; ++n) {
    load.Send(load.Quote(), [n](size_t i) { return i % 10 == n % 10; });
  }
  Tell("10 rooms", load);
  CHECK(load.percent() < 28.0);
  CHECK(load.compressions() < 1.05);
}

TEST_CASE("clients in two of ten rooms come into lines of their own") {
  Load load(450);
  const auto gets = [](size_t i, unsigned room) { return i % 10 == room || (i % 10 + 1 + i / 10 % 9) % 10 == room; };
  for (unsigned n = 0; n < 4000; ++n) {
    const unsigned room = load.Random(10);
    load.Send(load.Quote(), [&](size_t i) { return gets(i, room); });
    if (n == 2000) load.Forget();
  }
  Tell("2 of 10 rooms", load);
  CHECK(load.percent() < 31.0);
  CHECK(load.compressions() < 16.0);
}

TEST_CASE("clients that come and go cost a few compressions, however many they are") {
  Load load(300);
  for (int n = 0; n < 2000; ++n) {
    if (n % 5 == 0) {
      load.Join();
      load.Leave(load.Random(300));
    }
    load.Send(load.Quote());
  }
  Tell("joins", load);
  CHECK(load.percent() < 28.0);
  CHECK(load.compressions() < 5.0);
}

TEST_CASE("two in a hundred new clients a message do not harm the others") {
  Load load(300);
  for (int n = 0; n < 1000; ++n) {
    for (int k = 0; k < 6; ++k) {
      load.Join();
      load.Leave(load.Random(300));
    }
    load.Send(load.Quote());
  }
  Tell("many joins", load);
  CHECK(load.percent() < 32.5);
  CHECK(load.compressions() < 5.0);
}

TEST_CASE("some who skip messages do not harm the others") {
  Load load(300);
  for (int n = 0; n < 2000; ++n) {
    load.Send(load.Quote(), [&](size_t i) { return i >= 30 || load.Random(2) == 0; });
  }
  Tell("one in ten skips half", load);
  CHECK(load.percent() < 28.0);
  CHECK(load.compressions() < 10.0);
}

TEST_CASE("all who skip a fifth at random get what their last bytes make") {
  Load load(300);
  for (int n = 0; n < 1000; ++n) {
    load.Send(load.Quote(), [&](size_t) { return load.Random(5) > 0; });
  }
  Tell("all skip a fifth", load);
  CHECK(load.percent() < 36.0);
  CHECK(load.compressions() < 36.0);
}

TEST_CASE("windows of every size are served by one compression each") {
  Load load(300, [](size_t i) { return static_cast<uint8_t>(i % 10 < 6 ? 15 : (i % 10 < 9 ? 12 : 9)); });
  for (int n = 0; n < 2000; ++n) load.Send(load.Quote());
  Tell("windows of 15, 12 and 9 bits", load);
  CHECK(load.percent() < 28.0);
  CHECK(load.compressions() < 3.1);
}

}  // namespace sheaf::batching
