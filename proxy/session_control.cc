// Control frames towards the client: answers to its pings, and pings of our own that find out whether it is still
// there.
#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/session.h"
#include "proxy/worker.h"

namespace sheaf {

void Session::OnClientPing(std::string_view payload) {
  if (close_sent_ || client_close_received_) return;
  std::string pong;
  wire::AppendControlFrame(pong, wire::Opcode::kPong, payload);
  SendControl(std::move(pong));
}

bool Session::PingFlood() {
  const int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(worker_.loop().now().time_since_epoch()).count();
  if (second != ping_second_) {
    ping_second_ = second;
    pings_in_second_ = 0;
  }
  return ++pings_in_second_ > worker_.options().limits.max_ping_rate;
}

void Session::SendControl(std::string frame) {
  if (!mid_frame_) {
    connection_->Write(frame);
  } else if (waiting_control_) {
    waiting_control_->append(frame);
  } else {
    waiting_control_ = std::make_unique<std::string>(std::move(frame));
  }
}

void Session::OnDeadline(net::Deadline& /*deadline*/) {
  if (close_reason_ != CloseReason::kNone) return Close(close_reason_);
  CheckClient();
}

// Is the client still there, and does it read?
void Session::CheckClient() {
  const Duration stalled = connection_->StalledFor();
  const Duration stall_limit = worker_.options().timeouts.stall;
  if (stalled >= stall_limit) return Close(CloseReason::kClientStalled);
  Duration next = Duration::max();
  // A ping behind a queue waits as long as the queue does; such a client is watched for stalling instead.
  if (connection_->queued() > 0) heard_ = true;
  if (route_.ping_interval.count() > 0) {
    const Duration waited = worker_.loop().now() - ping_sent_;
    // While the backend takes nothing we do not read, and a Pong may lie unread. A dead client still shows when we
    // ping.
    const bool deaf = awaiting_pong_ && connection_->paused(PauseReason::kPeerFull);
    if (std::exchange(heard_, false) || deaf) {
      awaiting_pong_ = false;
    } else if (!awaiting_pong_) {
      std::string ping;
      wire::AppendControlFrame(ping, wire::Opcode::kPing, "sheaf");
      SendControl(std::move(ping));
      worker_.metrics().client_pings_total.Add();
      awaiting_pong_ = true;
      ping_sent_ = worker_.loop().now();
    } else if (waited >= route_.ping_timeout) {
      return Close(CloseReason::kClientPingTimeout);
    }
    next = route_.ping_interval;
    if (awaiting_pong_) next = route_.ping_timeout - (worker_.loop().now() - ping_sent_);
  }
  watching_for_stall_ = connection_->full();
  if (watching_for_stall_) next = std::min(next, stall_limit - stalled);
  if (next != Duration::max()) worker_.loop().SetDeadline(deadline_, next);
}

}  // namespace sheaf
