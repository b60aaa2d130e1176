// Control frames towards the client: answers to its pings, and pings of our own that find out whether it is still
// there.
#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/plan/context.h"
#include "proxy/session/session.h"

namespace sheaf {

void Session::OnClientPing(std::string_view payload) {
  if (close_.told_client() || close_.client_spoke()) return;
  std::string pong;
  wire::AppendControlFrame(pong, wire::Opcode::kPong, payload);
  if (HasPlaceForControl()) {
    connection_->Write(pong);
  } else {
    waiting_control().pong = std::move(pong);
  }
}

TokenBucket::Size Session::ping_bucket() const {
  const uint32_t rate = context_.options().limits.max_ping_rate;
  return {.rate = rate, .burst = rate};
}

bool Session::TakePing() {
  return pings_.Take(context_.loop().now(), ping_bucket());
}

Session::WaitingControl& Session::waiting_control() {
  if (!waiting_control_) waiting_control_ = std::make_unique<WaitingControl>();
  return *waiting_control_;
}

void Session::WriteWaitingControl() {
  if (!waiting_control_ || mid_frame_ || close_.told_client()) return;
  const std::unique_ptr<WaitingControl> waiting = std::move(waiting_control_);
  if (!waiting->pong.empty()) connection_->Write(waiting->pong);
  if (waiting->ping) WritePing();
}

void Session::SendPing() {
  awaiting_pong_ = true;
  ping_at_ = context_.loop().now();
  if (HasPlaceForControl()) return WritePing();
  waiting_control().ping = true;
}

void Session::WritePing() {
  std::string ping;
  wire::AppendControlFrame(ping, wire::Opcode::kPing, "sheaf");
  connection_->Write(ping);
  context_.metrics().client_pings_total.Add();
  ping_at_ = context_.loop().now();
}

void Session::OnDeadline(net::Deadline& /*deadline*/) {
  if (closing()) return Close(close_.reason());
  CheckClient();
}

// Is the client still there, and does it read?
void Session::CheckClient() {
  if (connection_->StalledFor() >= context_.options().timeouts.stall) return Close(CloseReason::kClientStalled);
  // While the backend takes nothing we do not read, and a Pong may lie unread. A dead client still shows when we ping.
  if (awaiting_pong_ && connection_->paused(PauseReason::kPeerFull)) {
    awaiting_pong_ = false;
    heard_at_ = ping_at_;
  }
  if (PongIsOverdue()) return Close(CloseReason::kClientPingTimeout);
  if (!awaiting_pong_ && UntilNextPing() <= Duration::zero()) SendPing();
  SetNextLook();
}

bool Session::PingWaits() const {
  return (waiting_control_ && waiting_control_->ping) || connection_->full();
}

// Counted from when the ping has left. While it waits, the client is watched for stalling instead.
bool Session::PongIsOverdue() const {
  if (!awaiting_pong_ || PingWaits()) return false;
  return context_.loop().now() - ping_at_ >= route_.ping_timeout;
}

Duration Session::UntilNextPing() const {
  if (route_.ping_interval.count() == 0) return Duration::max();
  return heard_at_ + route_.ping_interval - context_.loop().now();
}

// Bytes that come from the client do not move the deadline: it fires, and is set again by when the last one came.
void Session::SetNextLook() {
  Duration next = UntilNextPing();
  if (awaiting_pong_) {
    const Duration waited = PingWaits() ? Duration::zero() : context_.loop().now() - ping_at_;
    next = std::min<Duration>(route_.ping_timeout - waited, route_.ping_interval);
  }
  watching_for_stall_ = connection_->full();
  if (watching_for_stall_) next = std::min(next, context_.options().timeouts.stall - connection_->StalledFor());
  if (next != Duration::max()) context_.loop().SetDeadline(deadline_, next);
}

}  // namespace sheaf
