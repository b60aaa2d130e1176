// The backend: where it is, whether it is up, and how long to wait before dialling it again after failures.
//
// A Backend's, shared by the workers' Upstreams: its health is for any thread, the rest is set at construction.
// Addresses and back-off are kept by each Upstream for itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "pool/outage.h"
#include "proxy/base/clock.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/net/address.h"
#include "proxy/net/tls_context.h"

namespace sheaf::pool {

// upstream.url taken apart.
struct UpstreamUrl {
  bool tls = false;
  std::string address;      // "host:port" or "unix:/path", as net::Address::Resolve takes it
  std::string host;         // the name or IP literal; empty for Unix sockets
  std::string host_header;  // for health checks: "host:port" without a default port, or "localhost"

  // http://host[:port], https://host[:port] or unix:/path. The error says what is wrong with the text.
  static Result<UpstreamUrl> Parse(std::string_view text);

  // A plaintext backend on loopback or a Unix socket: a dial costs microseconds.
  bool dials_for_free() const;
};

// How many connections pool.min_size keeps warm to this backend, of all workers together. "auto" is none where a dial
// costs nothing: there warm ones gain nothing, and starve servers that give a worker to each open connection.
uint32_t WarmLinks(const Options::Pool& options, const UpstreamUrl& url);

class Endpoint {
 public:
  // `tls` is nullptr for plain; `server_name`: SNI and the verified name.
  Endpoint(UpstreamUrl url, std::shared_ptr<const net::TlsContext> tls, std::string server_name)
      : url_(std::move(url)), tls_(std::move(tls)), server_name_(std::move(server_name)), outage_(url_.address) {}

  const UpstreamUrl& url() const { return url_; }
  const net::TlsContext* tls() const { return tls_.get(); }
  const std::string& server_name() const { return server_name_; }

  // Any thread. Up: the last attempt to reach the backend succeeded. Down until something has succeeded.
  bool up() const { return up_.load(std::memory_order_relaxed); }
  // An attempt succeeded, or failed for `cause` (an errno's text, what a health check saw). What the log is told of it
  // is the outage's affair.
  void SetUp(TimePoint now) {
    // An outage that another thread tells of at this moment must not outlast this.
    if (up_.exchange(true, std::memory_order_relaxed) && !outage_.lasts()) return;
    returns_.fetch_add(1, std::memory_order_relaxed);
    outage_.End(now);
  }
  // Before anybody has tried: one that takes the place of another that was up is not down until it is found to be.
  void PresumeUp() { up_.store(true, std::memory_order_relaxed); }
  void SetDown(TimePoint now, std::string_view cause) {
    up_.store(false, std::memory_order_relaxed);
    outage_.Fail(now, cause);
  }
  // A request was refused since the backend cannot be reached.
  void CountRefused() { outage_.CountRefused(); }
  // How often it has come up: what one worker has found out ends the back-off of the others.
  uint32_t returns() const { return returns_.load(std::memory_order_relaxed); }

  // What it has to do: Engine.IO sessions, WebSockets and requests, all workers' together. Any thread.
  void AddSession() { sessions_.fetch_add(1, std::memory_order_relaxed); }
  void EndSession() { sessions_.fetch_sub(1, std::memory_order_relaxed); }
  uint32_t sessions() const { return sessions_.load(std::memory_order_relaxed); }

  // Has `told` called whenever a connection to the backend's address could not be made, in the thread that tried: it
  // must not block. Set before the workers run; what it uses outlives them.
  void WatchDials(std::function<void()> told) { dial_failed_ = std::move(told); }
  void DialFailed() const {
    if (dial_failed_) dial_failed_();
  }

 private:
  const UpstreamUrl url_;
  const std::shared_ptr<const net::TlsContext> tls_;
  const std::string server_name_;
  std::function<void()> dial_failed_;
  std::atomic<bool> up_{false};
  std::atomic<uint32_t> returns_{0};
  std::atomic<uint32_t> sessions_{0};
  Outage outage_;
};

// Exponential back-off with full jitter between half and the whole of the step (so that workers and replicas spread).
// Pure but for the random source, which is passed in. One thread.
class Backoff {
 public:
  // `random`: a value in [0, 1) at each call.
  using Random = double (*)();
  Backoff(Duration first, Duration longest, Random random);

  // Other bounds from now on; what is being waited ends within the new longest.
  void Adopt(Duration first, Duration longest, TimePoint now);

  // After a failure at `now`: no attempt before until().
  void Fail(TimePoint now);
  void Succeed();

  // The last attempt failed: one dial at a time is enough to learn of the backend's return.
  bool failing() const { return until_ != TimePoint{}; }
  bool MayTry(TimePoint now) const { return now >= until_; }
  TimePoint until() const { return until_; }

 private:
  Duration first_;
  Duration longest_;
  Random random_;
  Duration step_;
  TimePoint until_{};
};

}  // namespace sheaf::pool
