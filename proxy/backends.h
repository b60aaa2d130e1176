// The backends of all generations that somebody still uses, and where each of them is: a fixed address, or a name that
// is looked up.
//
//   if (auto found = backends.Prepare(generation->endpoint, options.upstream); !found.ok()) ...
//   backends.targets(*generation->endpoint)
//
// Owned by the Server; the main thread only.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "pool/dial_targets.h"
#include "pool/endpoint.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/control/resolver.h"
#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace sheaf {

using EndpointRef = std::shared_ptr<pool::Endpoint>;

class BackendEvents {
 public:
  // Where the backend is now. Before the first call of a name that is looked up there is no address.
  virtual void OnAddresses(const EndpointRef& backend, const std::vector<net::Address>& addresses) = 0;
  // A look-up failed, and there are no addresses yet.
  virtual void OnNoAddress(const EndpointRef& backend) = 0;

 protected:
  ~BackendEvents() = default;
};

class Backends {
 public:
  // `lookup`: as of Resolver.
  Backends(net::Loop& loop, Resolver::Lookup lookup, BackendEvents& events);
  Backends(const Backends&) = delete;
  Backends& operator=(const Backends&) = delete;
  ~Backends();

  // Finds out where a new backend is, or begins to. One that is known already only takes the new interval. Fails when
  // an address cannot be one.
  Result<bool> Prepare(const EndpointRef& backend, const Options::Upstream& options);
  // As far as is known.
  pool::DialTargets targets(const pool::Endpoint& backend) const;
  // False while a name has no address yet.
  bool known(const pool::Endpoint& backend) const;
  // Forgets those that nobody but this refers to.
  void ForgetUnused();

  size_t size() const { return backends_.size(); }

 private:
  class Backend;
  const Backend* Find(const pool::Endpoint& endpoint) const;

  net::Loop& loop_;
  const Resolver::Lookup lookup_;
  BackendEvents& events_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

}  // namespace sheaf
