#include "proxy/net/loop.h"

#include <event2/event.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "proxy/net/connection.h"
#include "proxy/net/tls_stream.h"

namespace sheaf::net {
namespace {

bool WakeIn(event* timer, Duration wait) {
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(std::max(wait, Duration::zero())).count();
  const timeval interval{left / 1'000'000, left % 1'000'000};
  return event_add(timer, &interval) == 0;
}

}  // namespace

Loop::Loop(const BufferMarks& marks, Sleep sleep)
    : now_(clock_.Now()),
      marks_(marks),
      sleep_(sleep),
      wheel_(now_, kTick),
      short_wheel_(now_, kShortTick),
      receive_buffer_(new uint8_t[kReceiveBuffer]) {}

Result<std::unique_ptr<Loop>> Loop::Create(const BufferMarks& marks, Sleep sleep) {
  std::unique_ptr<Loop> loop(new Loop(marks, sleep));
  if (!loop->Init())
    return Error{std::string("the event loop cannot be set up: ") + std::generic_category().message(errno)};
  return loop;
}

bool Loop::Init() {
  event_config* config = event_config_new();
  if (config == nullptr) return false;
  // One thread a base, so no locks; time is read once a turn by us.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
  event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  if (base_ == nullptr) return false;

  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0) return false;
  wake_event_ = event_new(base_, wake_fd_, EV_READ | EV_PERSIST, &Loop::OnWakeUp, this);
  hang_up_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (hang_up_fd_ < 0) return false;
  hang_up_event_ = event_new(base_, hang_up_fd_, EV_READ | EV_PERSIST, &Loop::OnHangUps, this);
  if (hang_up_event_ == nullptr || event_add(hang_up_event_, nullptr) != 0) return false;
  const bool every_tick = sleep_ == Sleep::kOneTick;
  tick_event_ = event_new(base_, -1, every_tick ? EV_PERSIST : 0, &Loop::OnTick, this);
  short_event_ = event_new(base_, -1, 0, &Loop::OnShortTick, this);
  if (wake_event_ == nullptr || tick_event_ == nullptr || short_event_ == nullptr) return false;
  if (event_add(wake_event_, nullptr) != 0) return false;
  return !every_tick || WakeIn(tick_event_, kTick);
}

Loop::~Loop() {
  posted_.clear();
  graveyard_.DestroyAll();
  if (wake_event_ != nullptr) event_free(wake_event_);
  if (tick_event_ != nullptr) event_free(tick_event_);
  if (short_event_ != nullptr) event_free(short_event_);
  if (hang_up_event_ != nullptr) event_free(hang_up_event_);
  if (base_ != nullptr) event_base_free(base_);
  if (wake_fd_ >= 0) close(wake_fd_);
  if (hang_up_fd_ >= 0) close(hang_up_fd_);
}

TlsScratch& Loop::tls_scratch() {
  if (!tls_scratch_) tls_scratch_ = std::make_unique<TlsScratch>();
  return *tls_scratch_;
}

void Loop::OnTick(int, short, void*) {}  // it only ends the sleep; the wheels advance after every one

// The tick may have come a little early by our clock: then the next sleep sets it again.
void Loop::OnShortTick(int, short, void* self) {
  static_cast<Loop*>(self)->wakes_at_ = TimePoint::max();
}

void Loop::OnWakeUp(int fd, short, void*) {
  uint64_t count = 0;
  while (read(fd, &count, sizeof(count)) > 0) {
  }
}

void Loop::WatchHangUpSoon(Connection& connection) {
  connection.unwatched_slot_ = static_cast<uint32_t>(unwatched_.size());
  unwatched_.push_back(&connection);
}

void Loop::ForgetHangUp(Connection& connection) {
  if (connection.unwatched_slot_ == Connection::kNoSlot) return;
  unwatched_[connection.unwatched_slot_] = nullptr;
  connection.unwatched_slot_ = Connection::kNoSlot;
}

void Loop::WatchHangUps() {
  if (now() - watched_at_ < kTick) return;
  watched_at_ = now();
  std::vector<Connection*> all;
  all.swap(unwatched_);
  const size_t aged = std::exchange(aged_, 0);
  for (size_t i = 0; i < all.size(); ++i) {
    Connection* connection = all[i];
    if (connection == nullptr) continue;
    if (i >= aged) {
      WatchHangUpSoon(*connection);
      continue;
    }
    connection->unwatched_slot_ = Connection::kNoSlot;
    epoll_event watch{};
    watch.events = EPOLLET;  // errors and hang-ups are told in any case
    watch.data.ptr = connection;
    // Without memory for it now, perhaps at the next tick.
    if (epoll_ctl(hang_up_fd_, EPOLL_CTL_ADD, connection->fd_, &watch) != 0) WatchHangUpSoon(*connection);
  }
  aged_ = unwatched_.size();
}

void Loop::OnHangUps(int fd, short, void* self) {
  std::array<epoll_event, 64> hang_ups;
  const int count = epoll_wait(fd, hang_ups.data(), static_cast<int>(hang_ups.size()), 0);
  for (int i = 0; i < count; ++i) static_cast<Connection*>(hang_ups[static_cast<size_t>(i)].data.ptr)->OnHangUp();
  static_cast<Loop*>(self)->FlushWrites();
}

void Loop::WatchQueued(size_t step, std::function<void()> told) {
  queued_step_ = step;
  queued_told_ = std::move(told);
  tell_at_ = queued_bytes_ + step;
}

bool Loop::OwnsBuffer(const uint8_t* bytes) const {
  if (bytes >= receive_buffer_.get() && bytes < receive_buffer_.get() + kReceiveBuffer) return true;
  if (!tls_scratch_) return false;
  const std::span<uint8_t> plaintext = tls_scratch_->plaintext();
  return bytes >= plaintext.data() && bytes < plaintext.data() + plaintext.size();
}

void Loop::WaitAndDispatch() {
  if (sleep_ == Sleep::kUntilDue) WakeForDeadlines();
  WakeForShortDeadlines();
  now_known_ = false;
  // EVLOOP_NONBLOCK alone would go on as long as events come: a sender that is fast enough could keep the turn from its
  // end, and everybody else waiting.
  event_base_loop(base_, read_again_.empty() ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
  ReadWhatWasLeft();
  if (!unwatched_.empty()) WatchHangUps();
  wheel_.Advance(now());
  short_wheel_.Advance(now());
  FlushWrites();
}

void Loop::SetShortDeadline(Deadline& deadline, TimePoint due) {
  short_wheel_.Set(deadline, now(), due - now());
}

// Looked at before each sleep: what the turn has set is seen at once.
void Loop::WakeForShortDeadlines() {
  const std::optional<TimePoint> next = short_wheel_.NextTick();
  if (!next || *next >= wakes_at_) return;
  wakes_at_ = *next;
  WakeIn(short_event_, *next - now());
}

// A timer that was set for a deadline since cancelled costs one turn for nothing.
void Loop::WakeForDeadlines() {
  const std::optional<TimePoint> next = unwatched_.empty() ? wheel_.NextTick() : now() + kTick;
  if (next) WakeIn(tick_event_, *next - now());
}

void Loop::ReadWhatWasLeft() {
  if (read_again_.empty()) return;
  // A connection that still has more joins the next turn's list: nobody is served twice before everybody was once.
  reading_.swap(read_again_);
  for (Connection*& connection : reading_) {
    if (connection == nullptr) continue;
    Connection& member = *connection;
    member.in_read_again_ = false;
    if (member.connecting_) {
      member.FinishConnecting();
    } else {
      member.ReadOnce();
    }
    writes_.FlushAll();
  }
  reading_.clear();
}

void Loop::ReadAgain(Connection& connection) {
  if (connection.in_read_again_) return;
  connection.in_read_again_ = true;
  read_again_.push_back(&connection);
}

void Loop::ForgetReadAgain(Connection& connection) {
  // Also in the list being served, where the connection's flag is already cleared.
  std::replace(reading_.begin(), reading_.end(), &connection, static_cast<Connection*>(nullptr));
  if (connection.in_read_again_) std::erase(read_again_, &connection);
  connection.in_read_again_ = false;
}

void Loop::Post(std::function<void()> work) {
  {
    const std::scoped_lock lock(posted_mutex_);
    posted_.push_back(std::move(work));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void Loop::RunPosted() {
  std::vector<std::function<void()>> work;
  {
    const std::scoped_lock lock(posted_mutex_);
    work.swap(posted_);
  }
  for (const std::function<void()>& one : work) one();
}

}  // namespace sheaf::net
