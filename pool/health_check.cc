#include "pool/health_check.h"

#include <algorithm>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/base/log.h"

namespace sheaf::pool {

HealthCheck::HealthCheck(net::Loop& loop, Endpoint& endpoint, DialTargets targets, const UpstreamSettings& settings,
                         WorkerMetrics& metrics)
    : loop_(loop),
      endpoint_(endpoint),
      targets_(std::move(targets)),
      metrics_(metrics),
      io_{&metrics.upstream_received_bytes_total, &metrics.upstream_sent_bytes_total},
      deadline_(*this) {
  Take(settings);
  if (!targets_.empty()) Begin();
}

HealthCheck::~HealthCheck() = default;

void HealthCheck::Take(const UpstreamSettings& settings) {
  path_ = settings.pool.health_check_path;
  interval_ = settings.pool.health_check_interval;
  timeout_ = settings.pool.health_check_timeout;
  limits_ = settings.response_limits;
  max_fails_ = settings.max_fails;
}

void HealthCheck::Adopt(const UpstreamSettings& settings) {
  const bool same = path_ == settings.pool.health_check_path && interval_ == settings.pool.health_check_interval;
  Take(settings);
  // A check that is under way has its time-out and its path; the next one has these.
  if (!same && !connection_ && !targets_.empty()) Begin();
}

void HealthCheck::SetTargets(DialTargets targets) {
  targets_ = std::move(targets);
  if (!connection_ && !endpoint_.up()) Begin();
}

void HealthCheck::Begin() {
  answer_.clear();
  scanner_.Reset();
  connected_ = false;
  connection_ = net::Connection::Connect(loop_, targets_.current(), endpoint_.reach().tls.get(),
                                         endpoint_.reach().server_name, io_, *this);
  loop_.SetDeadline(deadline_, timeout_);
  if (!connection_) Finish(false, "no socket could be made");
}

bool HealthCheck::TryNext() {
  if (!targets_.Fail(targets_.index())) return false;
  connection_->Close();
  loop_.graveyard().Retire(std::exchange(connection_, nullptr));
  Begin();
  return true;
}

void HealthCheck::OnConnected() {
  connected_ = true;
  targets_.Succeed(targets_.index());
  if (path_.empty()) {
    Finish(true, "");
    return;
  }
  connection_->Write("GET " + path_ + " HTTP/1.1\r\nHost: " + endpoint_.url().host_header +
                     "\r\nUser-Agent: sheaf-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

void HealthCheck::OnBytes(std::span<uint8_t> bytes) {
  answer_.append(AsText(bytes));
  while (connection_ && TakeHead()) {
  }
}

// Takes one head from the front of the answer. False when it is not complete or the check is over.
bool HealthCheck::TakeHead() {
  const wire::HeadScanner::Verdict verdict = scanner_.Scan(answer_, limits_);
  if (verdict == wire::HeadScanner::Verdict::kNeedMore) return false;
  wire::ResponseHead head;
  const size_t size = scanner_.head_size();
  scanner_.Reset();
  if (verdict == wire::HeadScanner::Verdict::kRefuse ||
      !wire::ParseResponseHead(std::string_view(answer_).substr(0, size), limits_, "GET", head)) {
    Finish(false, "the answer is not HTTP/1.1");
    return false;
  }
  if (head.status < 200 && head.status != 101) {
    answer_.erase(0, size);  // an interim response; the answer follows
    return !answer_.empty();
  }
  Finish(head.status >= 200 && head.status < 400, "status " + std::to_string(head.status));
  return false;
}

void HealthCheck::OnEnd(net::ConnectionEnd end) {
  if (end == net::ConnectionEnd::kConnectFailed) {
    if (TryNext()) return;
    endpoint_.DialFailed();
  }
  const std::string error = connection_->ErrorText();
  Finish(false, error.empty() ? "the connection ended before the answer" : error);
}

void HealthCheck::OnDeadline(net::Deadline& /*deadline*/) {
  if (connection_) {
    if (!connected_ && TryNext()) return;
    endpoint_.DialFailed();  // as far as anybody knows
    Finish(false, "no answer within pool.health_check_timeout");
  } else {
    Begin();
  }
}

void HealthCheck::Finish(bool passed, std::string_view detail) {
  if (connection_) {
    connection_->Close();
    loop_.graveyard().Retire(std::exchange(connection_, nullptr));
  }
  metrics_.health_checks_total[passed ? CheckResult::kPassed : CheckResult::kFailed].Add();
  if (passed) {
    endpoint_.SetUp(loop_.now());
  } else {
    endpoint_.Fail(loop_.now(), detail, max_fails_);
  }
  loop_.SetDeadline(deadline_, passed ? interval_ : std::min(interval_, kIntervalWhileDown));
}

}  // namespace sheaf::pool
