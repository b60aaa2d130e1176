#include "proxy/http/proxy_greeting.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/base/log.h"
#include "proxy/plan/context.h"
#include "proxy/wire/proxy_header.h"

namespace sheaf {
namespace {

Peer PeerFrom(const wire::ProxyHeaderScan& header, const Peer& proxy) {
  using Source = wire::ProxyHeaderScan::Source;
  if (header.source == Source::kNamed) return {.ip = header.ip};
  Peer peer = proxy;
  peer.port = 0;
  peer.anonymous = header.source == Source::kUnnamed;
  return peer;
}

}  // namespace

ProxyGreeting::ProxyGreeting(WorkerContext& context, const Peer& peer, std::shared_ptr<const net::TlsContext> tls)
    : context_(context), deadline_(*this), peer_(peer), tls_(std::move(tls)) {}

bool ProxyGreeting::Start(int fd) {
  if (!context_.trusted_proxies().Contains(peer_.ip)) {
    LogRefusal("the sender is not in forwarded.trusted_proxies: name it there if it is your load balancer");
    context_.metrics().client_closes_total[CloseReason::kProxyUntrusted].Add();
    close(fd);
    return false;
  }
  connection_ = net::Connection::Accept(context_.loop(), fd, nullptr, context_.client_io(), *this, peer_.is_unix);
  if (!connection_) return false;
  context_.loop().SetDeadline(deadline_, context_.options().timeouts.head);
  return true;
}

void ProxyGreeting::OnBytes(std::span<uint8_t> bytes) {
  if (held_.empty()) return Take(bytes);
  std::string received = std::exchange(held_, std::string());
  received.append(AsText(bytes));
  Take({reinterpret_cast<uint8_t*>(received.data()), received.size()});
}

void ProxyGreeting::Take(std::span<uint8_t> received) {
  const wire::ProxyHeaderScan header = wire::ScanProxyHeader(AsText(received));
  switch (header.verdict) {
    case wire::ProxyHeaderScan::Verdict::kNeedMore:
      held_ = AsText(received);
      return;
    case wire::ProxyHeaderScan::Verdict::kRefuse:
      return Refuse(CloseReason::kProxyMalformed, header.fault);
    case wire::ProxyHeaderScan::Verdict::kComplete:
      break;
  }
  context_.loop().CancelDeadline(deadline_);
  context_.home().StartClient(std::move(connection_), PeerFrom(header, peer_), tls_.get(),
                              received.subspan(header.size));
  context_.home().Retire(*this);
}

void ProxyGreeting::OnEnd(net::ConnectionEnd /*end*/) {
  Close(CloseReason::kClientGone);
}

void ProxyGreeting::OnDeadline(net::Deadline& /*deadline*/) {
  Refuse(CloseReason::kClientTimeout, "it was not complete within timeouts.head");
}

void ProxyGreeting::Drain() {
  context_.loop().SetDeadline(deadline_, std::min<Duration>(context_.options().timeouts.head, std::chrono::seconds(1)));
}

void ProxyGreeting::LogRefusal(std::string_view error) const {
  Log(LogLevel::kInfo, "PROXY header refused", {{"client", peer_.Name()}, {"error", std::string(error)}});
}

void ProxyGreeting::Refuse(CloseReason reason, std::string_view error) {
  LogRefusal(error);
  Close(reason);
}

void ProxyGreeting::Close(CloseReason reason) {
  if (!connection_ || connection_->closed()) return;
  context_.loop().CancelDeadline(deadline_);
  context_.metrics().client_closes_total[reason].Add();
  connection_->Close();
  context_.home().ConnectionOver();
  context_.home().Retire(*this);
}

}  // namespace sheaf
