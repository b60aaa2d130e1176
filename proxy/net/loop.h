// One thread's event loop over a lock-free libevent base, with what every connection of the thread shares: the receive
// buffer, the writes that wait for the end of a read, the deadlines, the graveyard.
//
// All of it belongs to the thread that runs WaitAndDispatch, except Post, which any thread may call. The turn of a
// worker is written out in Worker::RunOneTurn.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/graveyard.h"
#include "proxy/base/list.h"
#include "proxy/base/status.h"
#include "proxy/net/tick_wheel.h"
#include "proxy/net/write_gatherer.h"

struct event_base;
struct event;

namespace sheaf::net {

class Connection;
class TlsScratch;

// Marks for a connection's output queue, in bytes: over `high` the owner is told to stop its source, under `low` to go
// on.
struct BufferMarks {
  static constexpr uint64_t kOneRead = 64 * 1024;  // what may come after the source was told to stop

  uint64_t high = 256 * 1024;
  uint64_t low = 64 * 1024;

  // Where the source is told to stop, so that what is on its way stays under `high` where that is large enough.
  uint64_t stop() const { return std::max(low, high - std::min(high / 4, kOneRead)); }
};

// How long a loop sleeps when nothing is ready: workers look at something every tick, a control thread has only its
// deadlines and need not wake ten times a second for nothing.
enum class Sleep : uint8_t { kOneTick, kUntilDue };

class Loop {
 public:
  static constexpr size_t kReceiveBuffer = BufferMarks::kOneRead;

  // Fails when the kernel gives no epoll or eventfd descriptor.
  static Result<std::unique_ptr<Loop>> Create(const BufferMarks& marks, Sleep sleep = Sleep::kOneTick);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // Sleeps until something is ready, runs its callbacks, then reads on from connections that had more than one buffer,
  // and fires due deadlines. With Sleep::kOneTick returns at least once a tick.
  void WaitAndDispatch();

  // Runs what other threads posted, in order.
  void RunPosted();

  // Sends what callbacks outside of a read have written (deadlines, posted work).
  void FlushWrites() { writes_.FlushAll(); }

  // Any thread: `work` runs in this loop's thread within a turn. Work posted after the last turn is destroyed unrun.
  void Post(std::function<void()> work);

  // The time of this turn: the clock is read at the first call after waking up, and then not again.
  TimePoint now() {
    if (!now_known_) {
      now_ = clock_.Now();
      now_known_ = true;
    }
    return now_;
  }
  void SetDeadline(Deadline& deadline, Duration after) { wheel_.Set(deadline, now(), after); }
  void CancelDeadline(Deadline& deadline) { wheel_.Cancel(deadline); }
  // A deadline in ticks of a millisecond, for batches: the loop wakes up for it.
  void SetShortDeadline(Deadline& deadline, TimePoint due);
  void CancelShortDeadline(Deadline& deadline) { short_wheel_.Cancel(deadline); }

  Graveyard& graveyard() { return graveyard_; }
  const BufferMarks& marks() const { return marks_; }
  // Other marks for all connections, from their next write or send on (memory pressure).
  void SetMarks(const BufferMarks& marks) { marks_ = marks; }
  // What the kernel has not taken yet, of all connections together.
  size_t queued_bytes() const { return queued_bytes_; }
  // Has `told` called in the middle of a turn whenever so much more is queued: a turn can read from thousands of
  // connections. `told` must not close or destroy anything.
  void WatchQueued(size_t step, std::function<void()> told);
  // One read takes in no more than this, at most kReceiveBuffer (memory pressure).
  void SetReadSize(size_t bytes) { read_size_ = std::min(bytes, kReceiveBuffer); }

  // For net/ only.
  event_base* base() { return base_; }
  std::span<uint8_t> receive_buffer() { return {receive_buffer_.get(), read_size_}; }
  WriteGatherer& writes() { return writes_; }
  void AddQueued(size_t bytes) {
    queued_bytes_ += bytes;
    if (queued_bytes_ < tell_at_) return;
    tell_at_ = queued_bytes_ + queued_step_;
    queued_told_();
  }
  void SubQueued(size_t bytes) {
    queued_bytes_ -= bytes;
    tell_at_ = std::min(tell_at_, queued_bytes_ + queued_step_);
  }
  TlsScratch& tls_scratch();
  // Whether `bytes` lie in a buffer of this loop, and so stay valid until the writes of the present read are flushed.
  bool OwnsBuffer(const uint8_t* bytes) const;
  // Has `connection` read again in the next turn, since it had more than one buffer or its end is already known.
  void ReadAgain(Connection& connection);
  void ForgetReadAgain(Connection& connection);
  // Has a connection told when its socket breaks, from one or two ticks on: what has happened by then is told then.
  // libevent turns EPOLLERR into plain readiness: where the last data and the reset come in one wake-up, a short read
  // would be taken for "drained", and no further edge would ever come. Connections that end soon never cost the system
  // call.
  void WatchHangUpSoon(Connection& connection);
  void ForgetHangUp(Connection& connection);

 private:
  Loop(const BufferMarks& marks, Sleep sleep);
  bool Init();
  static void OnTick(int fd, short what, void* self);
  static void OnShortTick(int fd, short what, void* self);
  static void OnWakeUp(int fd, short what, void* self);
  static void OnHangUps(int fd, short what, void* self);
  void ReadWhatWasLeft();
  void WatchHangUps();
  void WakeForDeadlines();
  void WakeForShortDeadlines();

  SteadyClock clock_;
  TimePoint now_;
  bool now_known_ = false;
  BufferMarks marks_;
  Sleep sleep_;
  size_t queued_bytes_ = 0;
  size_t queued_step_ = SIZE_MAX / 2;
  size_t tell_at_ = SIZE_MAX / 2;  // of queued_bytes_
  std::function<void()> queued_told_;
  size_t read_size_ = kReceiveBuffer;
  TickWheel wheel_;
  TickWheel short_wheel_;
  TimePoint wakes_at_ = TimePoint::max();  // when short_event_ fires
  event_base* base_ = nullptr;
  event* tick_event_ = nullptr;
  event* short_event_ = nullptr;
  event* wake_event_ = nullptr;
  event* hang_up_event_ = nullptr;
  int wake_fd_ = -1;
  int hang_up_fd_ = -1;  // an epoll set of all connections that asks for nothing, and so is told of hang-ups alone
  std::vector<Connection*> unwatched_;  // to join that set, the oldest first; nullptr: it has ended
  size_t aged_ = 0;                     // so many of them were there at the last tick
  TimePoint watched_at_{};              // when that was
  std::unique_ptr<uint8_t[]> receive_buffer_;
  std::unique_ptr<TlsScratch> tls_scratch_;
  WriteGatherer writes_;
  std::vector<Connection*> read_again_;
  std::vector<Connection*> reading_;  // the part of read_again_ that this turn serves
  Graveyard graveyard_;

  // Any thread.
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace sheaf::net
