#include "pool/backend.h"

#include <string_view>
#include <utility>

#include "proxy/base/read_file.h"
#include "proxy/wire/sha256.h"

namespace sheaf::pool {

std::string Backend::KeyOf(const Options::Upstream& upstream) {
  // No option's text can hold a NUL.
  std::string key = upstream.url;
  // One that cannot be read is told of by whoever opens it.
  const std::string roots = upstream.tls_ca.empty() ? "" : wire::Sha256Hex(ReadFile(upstream.tls_ca).text);
  for (const std::string_view part :
       {std::string_view(upstream.tls_ca), std::string_view(roots), std::string_view(upstream.tls_server_name),
        std::string_view(upstream.tls_verify ? "verified" : "")}) {
    key.append(1, '\0').append(part);
  }
  return key;
}

Result<std::shared_ptr<Backend>> Backend::Make(const Options::Upstream& upstream, const Options::Pool& pool) {
  Result<UpstreamUrl> url = UpstreamUrl::Parse(upstream.url);
  if (!url.ok()) return Error{"upstream.url: " + url.error()};
  std::shared_ptr<const net::TlsContext> tls;
  if (url.value().tls) {
    auto made = net::TlsContext::ForClient(upstream.tls_ca, upstream.tls_verify);
    if (!made.ok()) return Error{made.error()};
    tls = std::move(made.value());
  }
  std::string name = upstream.tls_server_name.empty() ? url.value().host : upstream.tls_server_name;
  return std::make_shared<Backend>(KeyOf(upstream), std::move(url.value()), std::move(tls), std::move(name), pool);
}

Backend::Backend(std::string key, UpstreamUrl url, std::shared_ptr<const net::TlsContext> tls, std::string server_name,
                 const Options::Pool& pool)
    : key_(std::move(key)),
      endpoint_(std::move(url), std::move(tls), std::move(server_name)),
      budget_(pool.max_size, pool.max_waiting) {}

}  // namespace sheaf::pool
