#include "proxy/backends.h"

#include <algorithm>
#include <utility>

namespace sheaf {
namespace {

// Those of one process have one address, or one of each family. Where there are more, each is a process, in the family
// that has more of them.
std::vector<std::vector<net::Address>> ByEndpoint(const std::vector<net::Address>& addresses) {
  std::vector<net::Address> ipv4;
  std::vector<net::Address> ipv6;
  for (const net::Address& one : addresses) (one.family() == AF_INET6 ? ipv6 : ipv4).push_back(one);
  if (ipv4.size() <= 1 && ipv6.size() <= 1) return {addresses};
  std::vector<std::vector<net::Address>> endpoints;
  for (const net::Address& one : ipv4.size() >= ipv6.size() ? ipv4 : ipv6) endpoints.push_back({one});
  return endpoints;
}

bool IsUp(const pool::Backend& backend) {
  return std::any_of(backend.endpoints.begin(), backend.endpoints.end(),
                     [](const pool::EndpointRef& one) { return one->up(); });
}

}  // namespace

// A url of a backend.
class Backends::Source final : public ResolverEvents {
 public:
  // `home` outlives it.
  Source(Backends& home, Place place) : home_(home), place_(std::move(place)) {}

  const std::string& backend() const { return place_.backend; }
  const std::shared_ptr<const pool::Reach>& reach() const { return place_.reach; }
  const pool::EndpointList& endpoints() const { return endpoints_; }
  void SetEndpoints(pool::EndpointList endpoints) { endpoints_ = std::move(endpoints); }
  // Tells that an address does not answer; empty where that tells nothing.
  std::function<void()> bell() const { return resolver_ ? resolver_->Bell() : std::function<void()>(); }

  // The name servers are asked at this interval, from now on.
  void Begin(Duration interval) {
    if (resolver_) return resolver_->SetInterval(interval);
    if (!endpoints_.empty()) return;
    if (place_.reach->url.is_name()) {
      // The backend's name may appear later than we do (containers that start side by side).
      resolver_ = std::make_unique<Resolver>(home_.loop_, place_.reach->url.address, Resolver::Times{interval},
                                             home_.lookup_, *this);
    }
    endpoints_ = {home_.EndpointAt(*this, place_.fixed)};
  }

  void OnAddresses(const std::vector<net::Address>& addresses) override { home_.OnAddresses(*this, addresses); }
  void OnNoAddress() override { home_.OnNoAddress(*this); }

 private:
  Backends& home_;
  const Place place_;
  std::unique_ptr<Resolver> resolver_;  // nullptr: there is no name to look up
  pool::EndpointList endpoints_;
};

Backends::Backends(net::Loop& loop, Resolver::Lookup lookup, EndpointTable& table, BackendEvents& events)
    : loop_(loop), lookup_(std::move(lookup)), table_(table), events_(events) {}

Backends::~Backends() = default;

Result<Backends::Change> Backends::Prepare(const Options& options) const {
  Change change;
  change.backends_ = options.backends;
  change.pool_ = options.pool;
  for (const BackendOptions& backend : options.backends) {
    for (const std::string& url : backend.urls) {
      if (const Source* const known = Find(backend.name, pool::Reach::KeyOf(url, backend))) {
        change.places_.push_back({backend.name, known->reach(), {}});
        continue;
      }
      auto reach = pool::Reach::Make(url, backend);
      if (!reach.ok()) return Error{reach.error()};
      Place place{backend.name, std::move(reach.value()), {}};
      if (!place.reach->url.is_name()) {
        Result<Addresses> addresses = net::Address::ResolveAll(place.reach->url.address);
        if (!addresses.ok()) return Error{"upstream.url: " + addresses.error()};
        place.fixed = std::move(addresses.value());
      }
      change.places_.push_back(std::move(place));
    }
  }
  return change;
}

void Backends::Apply(Change change) {
  options_ = std::move(change.backends_);
  pool_ = change.pool_;
  const std::vector<pool::Backend> before = all_;
  auto sources = std::exchange(sources_, {});
  for (Place& place : change.places_) {
    const auto known = std::find_if(sources.begin(), sources.end(), [&place](const auto& one) {
      return one != nullptr && one->backend() == place.backend && one->reach()->key == place.reach->key;
    });
    sources_.push_back(known != sources.end() ? std::move(*known) : std::make_unique<Source>(*this, std::move(place)));
    const auto of = std::find_if(options_.begin(), options_.end(),
                                 [this](const auto& one) { return one.name == sources_.back()->backend(); });
    sources_.back()->Begin(of->resolve_interval);
  }
  Gather();
  for (const pool::Backend& backend : before) {
    for (const pool::EndpointRef& one : backend.endpoints) one->SetRemoved(true);
  }
  for (const pool::Backend& backend : all_) {
    const auto was_up = [&backend](const pool::Backend& one) { return one.name == backend.name && IsUp(one); };
    const bool presume_up = !IsUp(backend) && std::any_of(before.begin(), before.end(), was_up);
    for (const pool::EndpointRef& one : backend.endpoints) {
      one->SetRemoved(false);
      one->budget().SetBounds(pool_.max_size, pool_.max_waiting);
      if (presume_up && !one->down()) one->PresumeUp();
    }
  }
}

const Backends::Source* Backends::Find(const std::string& backend, const std::string& key) const {
  const auto found = std::find_if(sources_.begin(), sources_.end(), [&](const auto& one) {
    return one->backend() == backend && one->reach()->key == key;
  });
  return found == sources_.end() ? nullptr : found->get();
}

pool::EndpointRef Backends::EndpointAt(const Source& source, const Addresses& addresses) {
  if (pool::EndpointRef known = FindKnown(source, addresses)) {
    known->SetAddresses(addresses);
    known->SetUnlisted(false);
    return known;
  }
  const pool::UpstreamUrl& url = source.reach()->url;
  const std::string name = url.is_name() && !addresses.empty() ? addresses.front().ToString() : url.address;
  auto made = std::make_shared<pool::Endpoint>(source.reach(), table_.Find(source.backend(), name), addresses);
  made->budget().SetBounds(pool_.max_size, pool_.max_waiting);
  // Whoever dials may outlive the name's look-up.
  made->WatchDials(source.bell());
  const auto serves = [&source](const pool::Backend& one) { return one.name == source.backend() && IsUp(one); };
  if (std::any_of(all_.begin(), all_.end(), serves)) made->SetLate();
  known_.push_back(made);
  return made;
}

pool::EndpointRef Backends::FindKnown(const Source& source, const Addresses& addresses) {
  known_.erase(std::remove_if(known_.begin(), known_.end(), [](const auto& one) { return one.expired(); }),
               known_.end());
  for (const auto& one : known_) {
    const pool::EndpointRef endpoint = one.lock();
    if (endpoint->backend() != source.backend() || endpoint->reach().key != source.reach()->key) continue;
    const Addresses its = endpoint->addresses();
    if (its.empty() == addresses.empty() && (its.empty() || its.front() == addresses.front())) return endpoint;
  }
  return nullptr;
}

void Backends::OnAddresses(Source& source, const Addresses& addresses) {
  pool::EndpointList endpoints;
  for (const Addresses& one : ByEndpoint(addresses)) endpoints.push_back(EndpointAt(source, one));
  for (const pool::EndpointRef& one : source.endpoints()) {
    if (std::find(endpoints.begin(), endpoints.end(), one) == endpoints.end()) one->SetUnlisted(true);
  }
  source.SetEndpoints(std::move(endpoints));
  Gather();
  const auto of = std::find_if(all_.begin(), all_.end(), [&](const auto& one) { return one.name == source.backend(); });
  events_.OnEndpoints(*of);
}

void Backends::OnNoAddress(const Source& source) {
  events_.OnNoAddress(source.backend());
}

void Backends::Gather() {
  all_.clear();
  for (const BackendOptions& backend : options_) {
    all_.push_back({backend.name, {}});
    for (const auto& source : sources_) {
      if (source->backend() != backend.name) continue;
      all_.back().endpoints.insert(all_.back().endpoints.end(), source->endpoints().begin(), source->endpoints().end());
    }
  }
}

}  // namespace sheaf
