#include "pool/upstream_url.h"

#include <algorithm>
#include <optional>

#include "proxy/base/redaction.h"
#include "proxy/net/address.h"

namespace sheaf::pool {

Result<UpstreamUrl> UpstreamUrl::Parse(std::string_view text) {
  UpstreamUrl url;
  if (text.starts_with("unix:")) {
    if (text.size() == 5 || text[5] != '/') return Error{"a Unix socket is written unix:/absolute/path"};
    url.address = text;
    url.host_header = "localhost";
    return url;
  }
  std::string_view rest;
  uint16_t port = 80;
  if (text.starts_with("http://")) {
    rest = text.substr(7);
  } else if (text.starts_with("https://")) {
    rest = text.substr(8);
    url.tls = true;
    port = 443;
  } else {
    return Error{"'" + WithoutUser(text) + "' does not begin with http://, https:// or unix:/"};
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.empty() || rest.find_first_of("/?#@ ") != std::string_view::npos) {
    return Error{"'" + WithoutUser(text) +
                 "' must be a scheme, a host and a port alone, such as http://127.0.0.1:8000"};
  }
  const bool has_port =
      rest.starts_with('[') ? rest.find("]:") != std::string_view::npos : rest.find(':') != std::string_view::npos;
  url.address = has_port ? std::string(rest) : std::string(rest) + ":" + std::to_string(port);
  const std::optional<net::HostPort> parts = net::SplitHostPort(url.address);
  if (!parts || parts->host.empty() || parts->port == 0) {
    return Error{"'" + WithoutUser(text) + "' has no valid host and port"};
  }
  url.host = parts->host;
  url.host_header = parts->port == port ? rest.substr(0, has_port ? rest.rfind(':') : rest.size()) : rest;
  return url;
}

bool UpstreamUrl::dials_for_free() const {
  if (tls) return false;
  const std::optional<net::IpBytes> ip = net::ParseIp(host);
  return host.empty() || host == net::kLocalhost || (ip && net::IsLoopback(*ip));
}

bool UpstreamUrl::is_name() const {
  return !host.empty() && !net::IsIpLiteral(host) && host != net::kLocalhost;
}

uint32_t WarmLinks(const Options::Pool& options, const UpstreamUrl& url) {
  constexpr uint32_t kWarm = 10;
  if (options.min_size != kAuto) return options.min_size;
  return url.dials_for_free() ? 0 : std::min(kWarm, options.max_size);
}

}  // namespace sheaf::pool
