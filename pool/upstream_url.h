// A backend's url taken apart, and what follows from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/option_table.h"
#include "proxy/base/status.h"

namespace sheaf::pool {

struct UpstreamUrl {
  bool tls = false;
  std::string address;      // "host:port" or "unix:/path", as net::Address::Resolve takes it
  std::string host;         // the name or IP literal; empty for Unix sockets
  std::string host_header;  // for health checks: "host:port" without a default port, or "localhost"

  // http://host[:port], https://host[:port] or unix:/path. The error says what is wrong with the text.
  static Result<UpstreamUrl> Parse(std::string_view text);

  // A plaintext backend on loopback or a Unix socket: a dial costs microseconds.
  bool dials_for_free() const;
  // The host is neither an address nor localhost: name servers know where it is.
  bool is_name() const;
};

// How many connections pool.min_size keeps warm to one endpoint, of all workers together. "auto" is none where a dial
// costs nothing: there warm ones gain nothing, and starve servers that give a worker to each open connection.
uint32_t WarmLinks(const Options::Pool& options, const UpstreamUrl& url);

}  // namespace sheaf::pool
