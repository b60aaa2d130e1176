// A run of messages in one part counts, and leaves, as its messages do one by one.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/fakes/outbox_fixture.h"

namespace sheaf {
namespace {

const std::vector<std::string> kMessages = {"a", "", std::string(200, 'b'), "end"};

std::string FramesOf(const std::vector<std::string>& messages) {
  std::string frames;
  for (const std::string& message : messages) frames += ServerFrame(wire::Opcode::kText, message);
  return frames;
}

// Everything that is counted of messages on their way to the client.
std::vector<uint64_t> Figures(OutboxFixture& fixture) {
  const Outbox::Sent& sent = fixture.outbox().sent();
  WorkerMetrics& metrics = fixture.worker.metrics;
  return {sent.messages,
          sent.bytes,
          sent.frames,
          metrics.messages_to_clients_total.value(),
          metrics.message_bytes_to_clients_total.value(),
          metrics.batched_messages_total[BatchForm::kCork].value(),
          metrics.batch_input_bytes_total.value(),
          metrics.batch_output_bytes_total.value(),
          static_cast<uint64_t>(metrics.buffered_messages.value()),
          static_cast<uint64_t>(metrics.buffered_bytes.value())};
}

struct Case {
  Delivery delivery;
  bool adaptive;
};
constexpr Case kCases[] = {{Delivery::kOff, true}, {Delivery::kCork, true}, {Delivery::kCork, false}};

void Open(OutboxFixture& fixture, const Case& one) {
  fixture.worker.options.batching.delivery = one.delivery;
  fixture.worker.options.batching.adaptive = one.adaptive;
  fixture.Open();
}

}  // namespace

TEST_CASE("a run counts as its messages do, while it is gathered and when it has left") {
  for (const Case& one : kCases) {
    OutboxFixture runs;
    OutboxFixture singles;
    Open(runs, one);
    Open(singles, one);
    CHECK(runs.outbox().takes_runs());
    runs.AddRun(FramesOf(kMessages));
    for (const std::string& message : kMessages) singles.Add(message);
    if (!one.adaptive) CHECK(Figures(runs) == Figures(singles));  // nothing has left
    runs.outbox().Flush(FlushReason::kAtOnce);
    singles.outbox().Flush(FlushReason::kAtOnce);
    CHECK(Figures(runs) == Figures(singles));
    CHECK_EQ(runs.outbox().sent().messages, 4);
    CHECK_EQ(runs.outbox().message_bytes(), 3);
    CHECK_FALSE(runs.outbox().amid_message());
    CHECK(runs.ReadAll() == singles.ReadAll());
  }
}

TEST_CASE("a run behind half a message leaves behind it, and what is pushed meanwhile between the two") {
  for (const Case& one : kCases) {
    OutboxFixture fixture;
    Open(fixture, one);
    fixture.Add("half", false);
    CHECK(fixture.Push("pushed"));
    fixture.Add("whole", true, false);
    fixture.AddRun(FramesOf({"a", "b"}));
    fixture.outbox().Flush(FlushReason::kAtOnce);
    CHECK(fixture.ReadAll() == std::vector<std::string>{"text halfwhole", "text pushed", "text a", "text b"});
  }
}

TEST_CASE("a run that may wait makes a batch with what is gathered already, and fills it") {
  OutboxFixture fixture;
  fixture.worker.options.batching.adaptive = false;
  fixture.worker.options.batching.timeout = std::chrono::seconds(60);
  fixture.worker.options.batching.cork_timeout = std::chrono::seconds(60);
  fixture.worker.options.batching.size = 6;
  fixture.Open();
  fixture.Add("first");
  fixture.AddRun(FramesOf(kMessages));
  fixture.Turn();
  CHECK_EQ(fixture.outbox().sent().messages, 0);
  fixture.AddRun(FramesOf(kMessages));
  fixture.Turn();
  CHECK_EQ(fixture.outbox().sent().messages, 9);
  CHECK_EQ(fixture.worker.metrics.batch_flushes_total[FlushReason::kSize].value(), 1);
}

TEST_CASE("who looks at messages one by one takes no runs") {
  OutboxFixture socket_io;
  socket_io.negotiated.socket_io = true;
  socket_io.Open();
  CHECK_FALSE(socket_io.outbox().takes_runs());
  OutboxFixture enveloped;
  enveloped.negotiated.envelope = Envelope::kJson;
  enveloped.Open();
  CHECK_FALSE(enveloped.outbox().takes_runs());
}

}  // namespace sheaf
