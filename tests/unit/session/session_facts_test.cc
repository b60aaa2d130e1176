// What an operator sees of one session.
#include "proxy/session/session_facts.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/outbox/stores.h"
#include "tests/fakes/seated_session.h"

namespace sheaf {
namespace {

constexpr Duration kHour = std::chrono::hours(1);

struct Fixture {
  Fixture() {
    worker.options.log.access = false;
    worker.options.memory.idle_after = std::chrono::milliseconds(0);  // each message is noted
  }
  SessionClock At(Duration later = {}, Duration idle_after = kHour) {
    return {.now = worker.driver.loop().now() + later, .idle_after = idle_after};
  }
  bool Push(Session& session, std::string_view text) {
    return session.Deliver(worker.context().outboxes().messages().Intern(wire::Opcode::kText, text),
                           Urgency::kIndividual);
  }

  ContextFixture worker;
};

// On permessage-deflate, with the context kept between messages or not; nullopt: not on it.
Negotiated Agreed(std::optional<bool> takeover) {
  Negotiated negotiated;
  if (takeover) negotiated.deflate.emplace().server_takeover = *takeover;
  return negotiated;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "A view has what the upgrade said, and what has passed since, as the access log counts it") {
  worker.Make();
  SessionInfo info{.client = "192.0.2.1",
                   .target = "/ws?token=-",
                   .request_id = "r1",
                   .user_agent = "agent",
                   .user = "alice",
                   .trace_id = "t1",
                   .upstream = "127.0.0.1:8001",
                   .started = worker.driver.loop().now()};
  SeatedSession one(worker, info);
  one.FromClient("hello");
  one.worker.driver.Until([&] { return one.session->input().messages() == 1; });
  one.FromBackend("to");
  one.FromBackend("you");
  worker.driver.Settle();
  const SessionDetail detail = DetailOf(*one.session, At());
  const SessionView& view = detail.view;
  CHECK_EQ(view.user, "alice");
  CHECK_EQ(view.path, "/ws?token=-");
  CHECK_EQ(view.route, "/");
  CHECK_EQ(view.backend, worker.upstream().name());
  CHECK_EQ(view.endpoint, "127.0.0.1:8001");
  CHECK_EQ(view.client, "192.0.2.1");
  CHECK_EQ(view.messages_in, 1);
  CHECK_EQ(view.messages_out, 2);
  CHECK_EQ(view.bytes_in, 5);
  CHECK_EQ(view.bytes_out, 5);
  CHECK_EQ(view.frames_out, 2);
  CHECK_EQ(view.queued_bytes, 0);
  CHECK_FALSE(view.rates.has_value());
  CHECK_EQ(detail.user_agent, "agent");
  CHECK_EQ(detail.request_id, "r1");
  CHECK_EQ(detail.trace_id, "t1");
  CHECK_EQ(detail.upstream_mode, "tunnel");
  CHECK(detail.reused);
  CHECK_FALSE(detail.tls);
  const auto age = std::chrono::system_clock::now() - detail.started;
  CHECK(age >= std::chrono::seconds(0));
  CHECK(age < std::chrono::minutes(1));
  one.backend.Send(ServerClose(1000, "bye"));
  one.backend.events().OnUpstreamEnd();  // the client's answer is still due
  CHECK_EQ(DetailOf(*one.session, At()).upstream_mode, "");
}

TEST_CASE_FIXTURE(Fixture, "Ages are told from the beginning and from the last message") {
  worker.Make();
  SessionInfo info;
  info.started = worker.driver.loop().now();
  SeatedSession one(worker, info);
  worker.driver.For(std::chrono::milliseconds(5));
  one.FromBackend("hello");
  const TimePoint active = worker.driver.loop().now();
  const SessionView view = ViewOf(*one.session, {.now = active + kHour, .idle_after = kHour});
  CHECK(view.idle == kHour);
  CHECK(view.age == active + kHour - info.started);
}

TEST_CASE_FIXTURE(Fixture, "A state is the last one that holds: active, idle, slow, closing") {
  worker.Make();
  SeatedSession one(worker);
  CHECK(ConditionOf(*one.session, At()) == SessionCondition::kActive);
  CHECK(ConditionOf(*one.session, At(kHour - std::chrono::minutes(1))) == SessionCondition::kActive);
  CHECK(ConditionOf(*one.session, At(kHour)) == SessionCondition::kIdle);
  one.FillClient();
  CHECK(ConditionOf(*one.session, At()) == SessionCondition::kSlow);
  CHECK(ConditionOf(*one.session, At(2 * kHour)) == SessionCondition::kSlow);
  one.session->BeginClose(CloseReason::kDrain);
  CHECK(ConditionOf(*one.session, At()) == SessionCondition::kClosing);
}

TEST_CASE_FIXTURE(Fixture, "A client that catches up is slow no more") {
  worker.Make();
  SeatedSession one(worker);
  one.FillClient();
  worker.driver.Until([&] {
    one.sockets.peer->Read();
    return !one.session->outbox().writer().full();
  });
  CHECK(ConditionOf(*one.session, At()) == SessionCondition::kActive);
  CHECK_EQ(QueuedBytesOf(*one.session), 0);
}

TEST_CASE_FIXTURE(Fixture, "Neither side's pings make a session active") {
  worker.Make();
  SeatedSession one(worker);
  const TimePoint before = one.session->active_at();
  worker.driver.For(std::chrono::milliseconds(5));
  one.sockets.peer->Send(ClientFrame(wire::Opcode::kPing, "p"));
  one.backend.events().OnUpstreamPing();
  worker.driver.Until([&] {
    one.sockets.peer->Read();
    return !one.sockets.peer->received.empty();
  });
  CHECK(one.session->active_at() == before);
}

TEST_CASE("What waits for a client is counted wherever it waits") {
  for (const Delivery delivery : {Delivery::kOff, Delivery::kCork}) {
    CAPTURE(static_cast<int>(delivery));
    Fixture fixture;
    fixture.worker.options.batching.delivery = delivery;
    fixture.worker.Make();
    SeatedSession one(fixture.worker);
    CHECK_EQ(QueuedBytesOf(*one.session), 0);
    one.FillClient();
    const size_t queued = QueuedBytesOf(*one.session);
    CHECK(queued > 0);
    one.FromBackend(std::string(5000, 'y'));
    CHECK(QueuedBytesOf(*one.session) >= queued + 5000);
    CHECK_EQ(ViewOf(*one.session, fixture.At()).queued_bytes, QueuedBytesOf(*one.session));
  }
}

TEST_CASE("The delivery is the client's: off, cork, or its envelope") {
  struct {
    Delivery delivery;
    std::optional<Envelope> envelope;
    std::string_view name;
  } const kinds[] = {{Delivery::kOff, std::nullopt, "off"},
                     {Delivery::kCork, std::nullopt, "cork"},
                     {Delivery::kCork, Envelope::kJson, "json"},
                     {Delivery::kCork, Envelope::kSocketIoEvent, "socketio-event"}};
  for (const auto& kind : kinds) {
    CAPTURE(kind.name);
    Fixture fixture;
    fixture.worker.options.batching.delivery = kind.delivery;
    fixture.worker.Make();
    Negotiated negotiated;
    negotiated.envelope = kind.envelope;
    SeatedSession one(fixture.worker, {}, negotiated);
    CHECK_EQ(ViewOf(*one.session, fixture.At()).delivery, kind.name);
  }
}

TEST_CASE("The compression is the one that was agreed on") {
  struct {
    DeflateContext context;
    std::optional<bool> agreed;
    std::string_view name;
  } const kinds[] = {{DeflateContext::kShared, std::nullopt, "none"},
                     {DeflateContext::kShared, false, "once"},
                     {DeflateContext::kShared, true, "shared"},
                     {DeflateContext::kOwn, true, "own"}};
  for (const auto& kind : kinds) {
    Fixture fixture;
    fixture.worker.options.deflate.context = kind.context;
    fixture.worker.Make();
    SeatedSession one(fixture.worker, {}, Agreed(kind.agreed));
    CHECK_EQ(ViewOf(*one.session, fixture.At()).compression, kind.name);
  }
}

TEST_CASE_FIXTURE(Fixture, "A context of the client's own, once it is earned, is told") {
  worker.Make();
  worker.context().outboxes().Expire(worker.driver.loop().now(), 16 * 1024 * 1024);  // room for contexts
  SeatedSession one(worker, {}, Agreed(true));
  for (int i = 0; i < 20; ++i) {
    one.FromBackend(std::to_string(i) + std::string(200, static_cast<char>('a' + i)));
    worker.driver.Turn();
  }
  REQUIRE(one.session->outbox().context_bytes() > 0);
  CHECK_EQ(ViewOf(*one.session, At()).compression, "own");
}

TEST_CASE_FIXTURE(Fixture, "Pauses, refused pushes and an unanswered ping are counted") {
  worker.options.websocket.ping_interval = std::chrono::milliseconds(100);
  worker.options.websocket.ping_timeout = std::chrono::hours(1);
  worker.Make();
  SeatedSession one(worker);
  const auto errors = [&] { return DetailOf(*one.session, At()).errors; };
  CHECK_EQ(errors().pings_unanswered, 0);
  worker.driver.Until([&] { return errors().pings_unanswered == 1; });
  one.FromClient("here");
  worker.driver.Until([&] { return errors().pings_unanswered == 0; });

  one.backend.events().OnUpstreamBlocked();
  one.backend.events().OnUpstreamDrained();
  one.backend.events().OnUpstreamBlocked();
  CHECK_EQ(errors().client_pauses, 2);
  one.backend.events().OnUpstreamDrained();

  one.FillClient();
  while (errors().backend_pauses == 0) one.FromBackend(std::string(4096, 'x'));
  CHECK_EQ(std::count(one.backend.told.begin(), one.backend.told.end(), "pause"), 1);
  CHECK_FALSE(Push(*one.session, std::string(70'000, 'p')));
  CHECK_FALSE(Push(*one.session, std::string(70'000, 'q')));
  CHECK_EQ(errors().pushes_not_taken, 2);
  CHECK_EQ(errors().backend_pauses, 1);
  CHECK_EQ(errors().messages_dropped, 0);
}

TEST_CASE_FIXTURE(Fixture, "Messages that a slow client lost are counted for it, and for no other") {
  worker.options.batching.slow_client = SlowClient::kDropOldest;
  worker.Make();
  SeatedSession slow(worker);
  SeatedSession other(worker);
  for (int i = 0; i < 200; ++i) {
    slow.FromBackend(std::string(4096, 'x'));
    other.FromBackend("small");
    worker.driver.Turn();
  }
  const uint64_t dropped = DetailOf(*slow.session, At()).errors.messages_dropped;
  CHECK(dropped > 0);
  CHECK_EQ(dropped, worker.plan().counters.route->dropped.value());
  CHECK_EQ(DetailOf(*other.session, At()).errors.messages_dropped, 0);
}

}  // namespace sheaf
