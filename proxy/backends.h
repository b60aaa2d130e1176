// The backends of the configuration in force, and their endpoints: a fixed address each, or what a name leads to, which
// is followed as they come and go.
//
//   auto change = backends.Prepare(options);                 // all that can fail
//   if (!change.ok()) ...                                    // nothing was changed
//   backends.Apply(std::move(change.value()));
//   backends.all()                                           // in the order of options.backends
//
// An endpoint is known by its backend's name, how it is reached, and its address: one that a reload or a look-up has
// again is the object of before as long as anybody still had it, and with it what is known of it and what lives there.
//
// Owned by the Server; the main thread only.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "pool/backend.h"
#include "proxy/base/endpoint_counters.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/control/resolver.h"
#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace sheaf {

class BackendEvents {
 public:
  // A name of the backend leads to other addresses. Before the first call of a name that is looked up there is an
  // endpoint without an address in its place.
  virtual void OnEndpoints(const pool::Backend& backend) = 0;
  // A look-up failed, and there is no address yet.
  virtual void OnNoAddress(std::string_view backend) = 0;

 protected:
  ~BackendEvents() = default;
};

class Backends {
 private:
  class Source;
  // A url of a backend.
  struct Place {
    std::string backend;
    std::shared_ptr<const pool::Reach> reach;
    std::vector<net::Address> fixed;  // unless name servers know
  };

 public:
  // What Apply will do.
  class Change {
   private:
    friend class Backends;
    std::vector<Place> places_;
    std::vector<BackendOptions> backends_;
    Options::Pool pool_;
  };

  // `lookup`: as of Resolver.
  Backends(net::Loop& loop, Resolver::Lookup lookup, EndpointTable& table, BackendEvents& events);
  Backends(const Backends&) = delete;
  Backends& operator=(const Backends&) = delete;
  ~Backends();

  // Reads what the options name. The error says which option is wrong.
  Result<Change> Prepare(const Options& options) const;
  // Begins to look up names that are new. A new endpoint counts as up while one of the backend was, until it is found
  // to be down.
  void Apply(Change change);

  const std::vector<pool::Backend>& all() const { return all_; }

 private:
  using Addresses = std::vector<net::Address>;

  const Source* Find(const std::string& backend, const std::string& key) const;
  // The endpoint at `addresses`, whose first one it is known by.
  pool::EndpointRef EndpointAt(const Source& source, const Addresses& addresses);
  pool::EndpointRef FindKnown(const Source& source, const Addresses& addresses);
  void OnAddresses(Source& source, const Addresses& addresses);
  void OnNoAddress(const Source& source);
  // Makes `all_` anew.
  void Gather();

  net::Loop& loop_;
  const Resolver::Lookup lookup_;
  EndpointTable& table_;
  BackendEvents& events_;
  std::vector<BackendOptions> options_;
  Options::Pool pool_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<std::weak_ptr<pool::Endpoint>> known_;  // all that somebody may still have
  std::vector<pool::Backend> all_;
};

}  // namespace sheaf
