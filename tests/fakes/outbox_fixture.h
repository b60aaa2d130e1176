// An outbox with a real connection to a client, and a session of the test's own.
//
//   OutboxFixture fixture;
//   fixture.worker.options.batching.delivery = Delivery::kOff;   // before Open
//   fixture.Open();
//   fixture.Add("hello");
//   CHECK(fixture.told == ...);   // "watch", "pause", "resume", "close client_too_slow", "give up ..."
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/outbox/outbox.h"
#include "proxy/plan/negotiation.h"
#include "proxy/plan/route_plan.h"
#include "tests/fakes/context_fixture.h"
#include "tests/fakes/frames.h"
#include "tests/fakes/sockets.h"

namespace sheaf {

class OutboxFixture final : private OutboxEvents, private net::ConnectionEvents {
 public:
  TcpPair sockets{true};
  ContextFixture worker;
  Negotiated negotiated;
  std::vector<std::string> told;
  std::function<void(std::string_view)> after;  // called behind each event with its first word
  std::function<void()> on_read;                // what the backend has sent is asked for
  bool is_closing = false;

  ~OutboxFixture() { Stop(); }

  void Open() {
    worker.Make();
    connection_ = net::Connection::Accept(worker.driver.loop(), sockets.own, nullptr, worker.context().client_io(),
                                          static_cast<net::ConnectionEvents&>(*this));
    outbox_ = MakeOutbox(worker.context(), *this, *connection_, worker.plan(), negotiated);
  }
  // As a session ends.
  void Stop() {
    if (!outbox_ || outbox_->writer().closed()) return;
    outbox_->Stop();
    connection_->Close();
  }

  Outbox& outbox() { return *outbox_; }
  bool stopped() const { return outbox_->writer().closed(); }
  uint64_t told_times(std::string_view event) const {
    return static_cast<uint64_t>(std::count(told.begin(), told.end(), event));
  }

  // A frame of the backend, in parts of at most `part` bytes on the wire, as far as the session lasts.
  void Add(std::string_view payload, bool fin = true, bool first = true, size_t part = SIZE_MAX) {
    std::string bytes = ServerFrame(first ? wire::Opcode::kText : wire::Opcode::kContinuation, payload, fin);
    std::span<uint8_t> left(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
    while (!left.empty() && !stopped()) {
      std::span<uint8_t> input = left.first(std::min(part, left.size()));
      left = left.subspan(input.size());
      while (!input.empty() && !stopped()) {
        const wire::FramePiece piece = decoder_.Next(input);
        REQUIRE(piece.kind != wire::FramePiece::Kind::kError);
        if (piece.kind == wire::FramePiece::Kind::kData) outbox_->Add(piece);
      }
    }
  }
  // Frames of the backend that are whole messages, as one part.
  void AddRun(std::string frames) {
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(frames.data()), frames.size());
    const wire::FramePiece piece = decoder_.NextRun(input);
    REQUIRE(input.empty());
    outbox_->Add(piece);
  }
  // A message of another than the backend.
  bool Push(std::string_view text, Urgency urgency = Urgency::kIndividual) {
    return outbox_->Deliver(worker.context().outboxes().messages().Intern(wire::Opcode::kText, text), urgency);
  }
  void Turn() { worker.driver.Turn(); }
  // Messages until the client, which reads nothing, takes no more.
  void FillClient(size_t size = 4096) {
    for (int i = 0; i < 1000 && !outbox_->writer().full(); ++i) {
      Add(Numbered(size));
      outbox_->Flush(FlushReason::kAtOnce);  // what waits for its time is another affair
      Turn();
    }
    REQUIRE(outbox_->writer().full());
  }
  // What the client sees when it reads on until nothing comes.
  std::vector<std::string> ReadAll() {
    for (size_t before = SIZE_MAX; before != sockets.peer->received.size();) {
      before = sockets.peer->received.size();
      worker.driver.For(std::chrono::milliseconds(20));
      sockets.peer->Read();
    }
    return ReadAsClient(sockets.peer->received);
  }

 private:
  void Tell(std::string event) {
    told.push_back(event);
    if (after) after(event.substr(0, event.find(' ')));
  }

  // OutboxEvents
  void PauseUpstream() override { Tell("pause"); }
  void ResumeUpstream() override { Tell("resume"); }
  void DeferUpstream(size_t /*bytes*/) override {}
  void ReadUpstream() override {
    if (on_read) on_read();
  }
  void WatchForStall() override { Tell("watch"); }
  bool closing() const override { return is_closing; }
  void Close(CloseReason reason) override {
    Stop();
    Tell("close " + std::string(Describe(reason).label));
  }
  void GiveUp(CloseReason reason) override {
    Stop();
    Tell("give up " + std::string(Describe(reason).label));
  }

  // net::ConnectionEvents
  void OnBytes(std::span<uint8_t> /*bytes*/) override {}
  void OnEnd(net::ConnectionEnd /*end*/) override { Stop(); }
  void OnOutputBlocked() override { outbox_->OnOutputBlocked(); }
  void OnOutputDrained() override { outbox_->OnOutputDrained(); }
  void OnOutputEmpty() override { outbox_->OnOutputEmpty(); }

  const wire::FrameLimits limits_{};
  wire::FrameDecoder decoder_{wire::FrameSource::kServer, limits_};
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<Outbox> outbox_;
};

}  // namespace sheaf
