#include "proxy/doctor/way.h"

#include <utility>

#include "pool/endpoint.h"

namespace sheaf::doctor {
namespace {

Result<Way> WayTo(const std::string& address, std::unique_ptr<net::TlsContext> tls, std::string server_name) {
  const Result<net::Address> where = net::Address::Resolve(address);
  if (!where.ok()) return Error{where.error()};
  Way way{.place = {.address = where.value(), .tls = tls.get(), .server_name = std::move(server_name)},
          .tls = std::move(tls)};
  return way;
}

}  // namespace

Result<Way> WayToEndpoint(const BackendOptions& backend, const std::string& url) {
  const Result<pool::UpstreamUrl> parts = pool::UpstreamUrl::Parse(url);
  if (!parts.ok()) return Error{parts.error()};
  std::unique_ptr<net::TlsContext> tls;
  if (parts.value().tls) {
    auto made = net::TlsContext::ForClient(backend.tls_ca, backend.tls_verify);
    if (!made.ok()) return Error{made.error()};
    tls = std::move(made.value());
  }
  const std::string& name = backend.tls_server_name;
  return WayTo(parts.value().address, std::move(tls), name.empty() ? parts.value().host : name);
}

Result<Way> WayToSheaf(const ListenerOptions& listener, const std::string& address) {
  std::unique_ptr<net::TlsContext> tls;
  if (listener.is_tls()) {
    // The certificate is for the name that clients use, not for this one.
    auto made = net::TlsContext::ForClient("", false);
    if (!made.ok()) return Error{made.error()};
    tls = std::move(made.value());
  }
  return WayTo(net::Reachable(address, listener.ipv6_only), std::move(tls), "localhost");
}

}  // namespace sheaf::doctor
