// Takes new connections from one worker's listening socket (listener.h). When descriptors or memory run out, accepting
// pauses for a moment instead of spinning, and existing connections go on.
//
// Owned by a Worker; its loop's thread only.
#pragma once

#include <cstdint>

#include "proxy/net/address.h"
#include "proxy/net/tick_wheel.h"

struct event;

namespace sheaf::net {

class Loop;

class AcceptorEvents {
 public:
  // A new non-blocking socket, owned by the callee.
  virtual void OnAccepted(int fd, const Address& peer) = 0;
  // Accepting paused (errno in `error`); it resumes by itself.
  virtual void OnAcceptPaused(int error) = 0;

 protected:
  ~AcceptorEvents() = default;
};

class Acceptor final : public DeadlineHandler {
 public:
  // Takes over the listening descriptor and begins to accept. `keep_free`: so many descriptors of the process are left
  // for others, as if they had run out earlier.
  Acceptor(Loop& loop, int fd, AcceptorEvents& events, uint32_t keep_free = 0);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  ~Acceptor();

  // Takes some of what the kernel has already accepted and tells how many: one where one comes at a time, since asking
  // for another costs a system call; up to 64 of a crowd.
  int AcceptSome();
  // Takes all of it, as far as descriptors allow. To be called before Stop, since closing the socket would reset them.
  void AcceptAll();
  // No new connections for good; the listening socket closes.
  void Stop();
  // No new connections until Resume (connection limit).
  void Pause();
  void Resume();
  bool paused() const { return paused_; }
  // Connections that the kernel may hold from now on before they are accepted.
  void SetBacklog(int backlog);

 private:
  // After descriptors ran out; long enough that the loop serves others, short enough not to be noticed.
  static constexpr Duration kRetryAfter = std::chrono::milliseconds(200);
  static constexpr int kMaxAcceptsATurn = 64;
  // After so many turns in a row that found all they might take, there is a crowd.
  static constexpr int kCrowded = 8;

  static void OnReadable(int fd, short what, void* self);
  void OnDeadline(Deadline& deadline) override;

  // kLost: that one has gone again, and others may wait. kNone: nobody waits, or descriptors ran out.
  enum class Took : uint8_t { kOne, kLost, kNone };

  Took AcceptOne();
  void PauseForDescriptors(int error);
  bool LeavesFree(int fd);

  Loop& loop_;
  AcceptorEvents& events_;
  int fd_;
  const uint32_t keep_free_;
  event* event_ = nullptr;
  Deadline retry_;
  int most_ = 1;        // to take in a turn
  int found_ = 0;       // turns in a row that took so many
  uint64_t limit_ = 0;  // of descriptors
  TimePoint limit_asked_at_{};
  bool paused_ = false;
};

}  // namespace sheaf::net
