// What is done about a client that does not keep up: when the backend is stopped and read again, and
// batching.slow_client. flow_control.md tells the whole, both directions.
//
// Part of an outbox, which every call names: four bytes are all it takes of a session. One thread only. Any call may
// close the session.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/net/loop.h"

namespace sheaf {

class Outbox;
class RoutePlan;

class Backpressure {
 public:
  explicit Backpressure(const RoutePlan& plan);
  Backpressure(const Backpressure&) = delete;
  Backpressure& operator=(const Backpressure&) = delete;

  // More is gathered than before, and has to wait: the client is full, or a rate holds it.
  void OnGrowth(Outbox& outbox);
  // A pushed message of so many bytes may join what waits. Its sender cannot be paused: where too much waits, it is not
  // taken.
  [[nodiscard]] bool MayTake(Outbox& outbox, size_t size);
  // The connection's queue is over the high mark. What is passed on waits there, not in the outbox.
  void OnOutputBlocked(Outbox& outbox);
  // Less waits than before.
  void OnLess(Outbox& outbox);
  // The loop's marks are lower now.
  void ObeyMarks(Outbox& outbox);

  // How often the backend was stopped, saturated.
  uint16_t pauses() const { return pauses_; }

 private:
  // batching.slow_client, as it is for this session.
  enum class Answer : uint8_t { kPause, kClose, kDropOldest, kConflate };
  static Answer AnswerFor(const RoutePlan& plan);

  // So much may join a connection's queue in one turn, and more.
  static constexpr size_t kBurst = 4 * net::Loop::kReceiveBuffer;

  // Drops or conflates: the backend is read on.
  bool sheds() const { return answer_ == Answer::kDropOldest || answer_ == Answer::kConflate; }
  static bool Fits(const Outbox& outbox, size_t size);
  bool MakeRoom(Outbox& outbox, size_t size);
  void OnTooMuch(Outbox& outbox);
  void KeepWithin(Outbox& outbox);
  void CloseTooSlow(Outbox& outbox);
  void Pause(Outbox& outbox);

  const Answer answer_;
  bool paused_ = false;  // the backend is
  uint16_t pauses_ = 0;
};

}  // namespace sheaf
