// Endpoints of a backend without a configuration.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pool/backend.h"
#include "proxy/base/option_table.h"
#include "proxy/net/address.h"

namespace sheaf {

// An endpoint at `address`, which a url of the backend leads to. An empty address is not known yet.
inline pool::EndpointRef EndpointAt(const std::string& url, const net::Address& address,
                                    const std::string& backend = std::string(kDefaultBackend)) {
  const std::vector<net::Address> addresses = address.empty() ? std::vector<net::Address>{} : std::vector{address};
  const auto reach = pool::Reach::Make(url, {}).value();
  return std::make_shared<pool::Endpoint>(reach, std::make_shared<EndpointCounters>(backend, reach->url.address),
                                          addresses);
}

inline pool::Backend OneEndpoint(const std::string& url, const net::Address& address,
                                 const std::string& name = std::string(kDefaultBackend)) {
  return {name, {EndpointAt(url, address, name)}};
}

}  // namespace sheaf
