#include "proxy/plan/generation.h"

#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string_view>
#include <utility>

#include "proxy/wire/sha256.h"

namespace sheaf {
namespace {

wire::HeadLimits HeadLimitsFrom(const Options::Limits& limits) {
  return {.max_line = limits.max_request_line,
          .max_head = limits.max_head,
          .max_fields = limits.max_fields,
          .allow_underscores = limits.underscores != Underscores::kRefuse};
}

// Of a file that may not be there: what opens it tells.
std::string DigestOfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return wire::Sha256Hex(text.str());
}

std::string KeyOf(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (const std::string_view part : parts) key.append(part).push_back('\n');
  return key;
}

Result<bool> OpenEndpoint(const Options::Upstream& options, const Generation* before, Generation::Opened& opened) {
  opened.endpoint_key = KeyOf({options.url, options.tls_ca.empty() ? "" : DigestOfFile(options.tls_ca),
                               options.tls_verify ? "verified" : "", options.tls_server_name});
  if (before != nullptr && before->opened.endpoint_key == opened.endpoint_key) {
    opened.endpoint = before->opened.endpoint;
    return true;
  }
  Result<pool::UpstreamUrl> url = pool::UpstreamUrl::Parse(options.url);
  if (!url.ok()) return Error{"upstream.url: " + url.error()};
  std::shared_ptr<const net::TlsContext> tls;
  if (url.value().tls) {
    auto made = net::TlsContext::ForClient(options.tls_ca, options.tls_verify);
    if (!made.ok()) return Error{made.error()};
    tls = std::move(made.value());
  }
  const std::string name = options.tls_server_name.empty() ? url.value().host : options.tls_server_name;
  opened.endpoint = std::make_shared<pool::Endpoint>(std::move(url.value()), std::move(tls), name);
  return true;
}

}  // namespace

Generation::Generation(uint64_t count, std::string conf_digest, Options checked, Opened things)
    : number(count),
      digest(std::move(conf_digest)),
      made_at(SteadyClock().Now()),
      options(std::move(checked)),
      routes(options),
      forwarding(options),
      head_limits(HeadLimitsFrom(options.limits)),
      opened(std::move(things)) {}

Result<std::shared_ptr<const Generation>> Generation::Make(Options options, std::string digest,
                                                           const Generation* before) {
  Opened opened;
  if (auto endpoint = OpenEndpoint(options.upstream, before, opened); !endpoint.ok()) return Error{endpoint.error()};
  const uint64_t number = before != nullptr ? before->number + 1 : 1;
  return std::shared_ptr<const Generation>(
      new Generation(number, std::move(digest), std::move(options), std::move(opened)));
}

}  // namespace sheaf
