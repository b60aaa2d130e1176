#include "proxy/memory_webhook.h"

#include <array>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "proxy/base/events.h"

namespace sheaf {

std::string WebhookJson(const memwatch::PressureChange& change) {
  const memwatch::MemoryReading& reading = change.reading;
  std::array<char, 320> text;
  // The names of levels have no character that JSON escapes.
  std::snprintf(text.data(), text.size(),
                R"({"event":"memory_pressure","level":"%s","previous_level":"%s","percent":%.2f,)"
                R"("used_bytes":%)" PRIu64 R"(,"limit_bytes":%)" PRIu64 R"(,"rss_bytes":%)" PRIu64 "}",
                NameOf(change.after).data(), NameOf(change.before).data(), reading.percent(), reading.used,
                reading.limit, reading.rss);
  return text.data();
}

MemoryWebhook::MemoryWebhook(net::Loop& loop, pool::UpstreamRef upstream, Options::Memory options,
                             WorkerMetrics& metrics)
    : loop_(loop), upstream_(std::move(upstream)), options_(std::move(options)), metrics_(metrics), deadline_(*this) {}

void MemoryWebhook::Adopt(pool::UpstreamRef upstream, const Options::Memory& options) {
  upstream_ = std::move(upstream);
  options_ = options;
}

MemoryWebhook::~MemoryWebhook() {
  Stop();
}

void MemoryWebhook::Stop() {
  loop_.CancelDeadline(deadline_);
  next_.reset();
  if (stream_) stream_->Close(CloseReason::kDrain);
  stream_.reset();
}

void MemoryWebhook::Tell(const memwatch::PressureChange& change) {
  if (options_.webhook.empty()) return;
  if (stream_) {
    // The backend was last told the level before the one that waits, if one does.
    next_ = {next_ ? next_->before : change.before, change.after, change.reading};
    return;
  }
  Post(change);
}

void MemoryWebhook::Post(const memwatch::PressureChange& change) {
  const std::string body = WebhookJson(change);
  pool::HttpRequest request;
  request.method = "POST";
  request.head = "POST " + options_.webhook + " HTTP/1.1\r\nHost: " + upstream_->host_header() +
                 "\r\nUser-Agent: sheaf-memory-webhook\r\nContent-Type: application/json\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + body;
  request.body = wire::BodyKind::kLength;
  request.body_finished = true;
  status_ = 0;
  stream_ = upstream_->Send(std::move(request), *this);
  loop_.SetDeadline(deadline_, options_.webhook_timeout);
}

void MemoryWebhook::OnUpstreamHead(const wire::ResponseHead& head) {
  if (head.status >= 200) status_ = head.status;
}

void MemoryWebhook::OnUpstreamEnd() {
  Finish(status_ >= 200 && status_ < 300, "status " + std::to_string(status_));
}

void MemoryWebhook::OnUpstreamClosed(CloseReason reason) {
  Finish(false, Describe(reason).text);
}

void MemoryWebhook::OnDeadline(net::Deadline& /*deadline*/) {
  stream_->Close(CloseReason::kUpstreamTimeout);
  Finish(false, "no answer within memory.webhook_timeout");
}

void MemoryWebhook::Finish(bool passed, std::string_view detail) {
  loop_.CancelDeadline(deadline_);
  // The stream may be on the stack: this is one of its events.
  loop_.graveyard().Retire(std::move(stream_));
  metrics_.memory_webhooks_total[passed ? CheckResult::kPassed : CheckResult::kFailed].Add();
  if (!passed) {
    Announce(EventKind::kPressure, LogLevel::kWarning, "memory.webhook failed",
             {{"path", options_.webhook}, {"detail", detail}});
  }
  if (!next_) return;
  const memwatch::PressureChange next = *std::exchange(next_, std::nullopt);
  Post(next);
}

}  // namespace sheaf
