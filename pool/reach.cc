#include "pool/reach.h"

#include <utility>

#include "proxy/base/read_file.h"
#include "proxy/wire/sha256.h"

namespace sheaf::pool {

std::string Reach::KeyOf(std::string_view url, const BackendOptions& backend) {
  // No option's text can hold a NUL.
  std::string key(url);
  // One that cannot be read is told of by whoever opens it.
  const std::string roots = backend.tls_ca.empty() ? "" : wire::Sha256Hex(ReadFile(backend.tls_ca).text);
  for (const std::string_view part :
       {std::string_view(backend.tls_ca), std::string_view(roots), std::string_view(backend.tls_server_name),
        std::string_view(backend.tls_verify ? "verified" : "")}) {
    key.append(1, '\0').append(part);
  }
  return key;
}

Result<std::shared_ptr<const Reach>> Reach::Make(std::string_view url, const BackendOptions& backend) {
  Result<UpstreamUrl> parsed = UpstreamUrl::Parse(url);
  if (!parsed.ok()) return Error{"upstream.url: " + parsed.error()};
  std::shared_ptr<const net::TlsContext> tls;
  if (parsed.value().tls) {
    auto made = net::TlsContext::ForClient(backend.tls_ca, backend.tls_verify);
    if (!made.ok()) return Error{made.error()};
    tls = std::move(made.value());
  }
  std::string name = backend.tls_server_name.empty() ? parsed.value().host : backend.tls_server_name;
  return std::make_shared<const Reach>(
      Reach{std::move(parsed.value()), std::move(tls), std::move(name), KeyOf(url, backend)});
}

}  // namespace sheaf::pool
