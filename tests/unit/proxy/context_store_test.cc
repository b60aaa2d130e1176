// The contexts that clients have of their own: their bound, their age, and that they go without leaving a trace.
#include "proxy/outbox/context_store.h"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <span>
#include <string>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

constexpr size_t kBytes = wire::DeflateEffort{}.Bytes(12);

struct Fixture {
  void Make(size_t i) { store.Make(places[i], 15); }
  int64_t shown() const { return metrics.deflate_context_bytes.value(); }

  WorkerMetrics metrics;
  ContextStore store{metrics};
  std::array<std::unique_ptr<OwnContext>, 4> places;
};

}  // namespace

TEST_CASE("a context is counted with what zlib takes for it") {
  const Fixture fixture;
  CHECK_EQ(fixture.store.BytesOf(15), 38'720);
  CHECK_EQ(fixture.store.BytesOf(9), 10'048);
}

TEST_CASE("there are as many contexts as have room, and one that goes makes room") {
  Fixture fixture;
  fixture.store.SetBound(2 * kBytes);
  for (size_t i = 0; i < 3; ++i) fixture.Make(i);
  CHECK(fixture.places[1]);
  CHECK_FALSE(fixture.places[2]);
  CHECK_EQ(fixture.store.count(), 2);
  CHECK_EQ(fixture.shown(), 2 * kBytes);
  CHECK_EQ(fixture.metrics.deflate_contexts.value(), 2);
  CHECK_EQ(fixture.metrics.deflate_contexts_refused_total.value(), 1);
  fixture.places[0].reset();
  fixture.Make(2);
  CHECK(fixture.places[2]);
  CHECK_EQ(fixture.store.bytes(), 2 * kBytes);
}

TEST_CASE("without a bound there are none") {
  Fixture fixture;
  fixture.Make(0);
  CHECK_FALSE(fixture.places[0]);
}

TEST_CASE("what nobody has used for a minute goes, what was used stays, and so does one amid a message") {
  Fixture fixture;
  fixture.store.SetBound(SIZE_MAX);
  const TimePoint start(1h);
  fixture.store.Expire(start);
  for (size_t i = 0; i < 3; ++i) fixture.Make(i);
  fixture.places[2]->amid_message = true;
  fixture.store.Expire(start + 60s);
  CHECK_EQ(fixture.store.count(), 3);
  fixture.places[0]->Use();
  fixture.store.Expire(start + 61s);
  CHECK(fixture.places[0]);
  CHECK_FALSE(fixture.places[1]);
  CHECK(fixture.places[2]);
  fixture.places[2]->amid_message = false;
  fixture.store.Expire(start + 200s);
  CHECK_EQ(fixture.store.count(), 0);
  CHECK_EQ(fixture.shown(), 0);
}

TEST_CASE("under pressure all go but those amid a message") {
  Fixture fixture;
  fixture.store.SetBound(SIZE_MAX);
  for (size_t i = 0; i < 4; ++i) fixture.Make(i);
  fixture.places[1]->amid_message = true;
  CHECK_EQ(fixture.store.DropAll(), 3 * kBytes);
  CHECK(fixture.places[1]);
  CHECK_EQ(fixture.store.count(), 1);
  CHECK_EQ(fixture.store.DropAll(), 0);
}

TEST_CASE("a context explains the next message by the last one") {
  Fixture fixture;
  fixture.store.SetBound(SIZE_MAX);
  fixture.Make(0);
  const std::string text = "a message of which the next one is much the same";
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  std::string frames;
  const auto first = fixture.places[0]->Use().Append(wire::Opcode::kText, bytes, true, true, frames);
  const auto second = fixture.places[0]->Use().Append(wire::Opcode::kText, bytes, true, true, frames);
  REQUIRE(first);
  REQUIRE(second);
  CHECK_LT(*second, 10);
  CHECK_LT(*second, *first / 3);
}

}  // namespace sheaf
