// The backends of all generations that somebody still uses, and where each of them is: a fixed address, or a name that
// is looked up.
//
//   if (auto found = backends.Prepare(generation->backend, options.upstream); !found.ok()) ...
//   backends.targets(*generation->backend)
//
// Owned by the Server; the main thread only.
#pragma once

#include <memory>
#include <vector>

#include "pool/backend.h"
#include "pool/dial_targets.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/control/resolver.h"
#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace sheaf {

using BackendRef = std::shared_ptr<pool::Backend>;

class BackendEvents {
 public:
  // Where the backend is now. Before the first call of a name that is looked up there is no address.
  virtual void OnAddresses(const BackendRef& backend, const std::vector<net::Address>& addresses) = 0;
  // A look-up failed, and there are no addresses yet.
  virtual void OnNoAddress(const BackendRef& backend) = 0;

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
  Result<bool> Prepare(const BackendRef& backend, const Options::Upstream& options);
  // As far as is known.
  pool::DialTargets targets(const pool::Backend& backend) const;
  // False while a name has no address yet.
  bool known(const pool::Backend& backend) const;
  // Forgets those that nobody but this refers to.
  void ForgetUnused();

  size_t size() const { return backends_.size(); }

 private:
  class Place;
  const Place* Find(const pool::Backend& backend) const;

  net::Loop& loop_;
  const Resolver::Lookup lookup_;
  BackendEvents& events_;
  std::vector<std::unique_ptr<Place>> backends_;
};

}  // namespace sheaf
