#include "proxy/backends.h"

#include <algorithm>
#include <utility>

namespace sheaf {

class Backends::Place final : public ResolverEvents {
 public:
  // `home` outlives it.
  Place(Backends& home, BackendRef backend) : home_(home), backend_(std::move(backend)) {}

  Result<bool> Find(const Options::Upstream& options) {
    const pool::UpstreamUrl& url = backend_->endpoint().url();
    if (!url.host.empty() && !net::IsIpLiteral(url.host) && url.host != net::kLocalhost) {
      // The backend's name may appear later than we do (containers that start side by side).
      resolver_ = std::make_unique<Resolver>(home_.loop_, url.address, Resolver::Times{options.resolve_interval},
                                             home_.lookup_, *this);
      // Whoever dials refers to the backend, and so keeps this.
      backend_->endpoint().WatchDials([this] { resolver_->LookSoon(); });
      return true;
    }
    Result<std::vector<net::Address>> addresses = net::Address::ResolveAll(url.address);
    if (!addresses.ok()) return Error{"upstream.url: " + addresses.error()};
    fixed_ = std::move(addresses.value());
    return true;
  }

  const BackendRef& backend() const { return backend_; }
  const std::vector<net::Address>& addresses() const { return resolver_ ? resolver_->addresses() : fixed_; }
  bool unused() const { return backend_.use_count() == 1; }
  void SetInterval(Duration interval) {
    if (resolver_) resolver_->SetInterval(interval);
  }

  void OnAddresses(const std::vector<net::Address>& addresses) override {
    home_.events_.OnAddresses(backend_, addresses);
  }
  void OnNoAddress() override { home_.events_.OnNoAddress(backend_); }

 private:
  Backends& home_;
  const BackendRef backend_;
  std::unique_ptr<Resolver> resolver_;  // nullptr: there is no name to look up
  std::vector<net::Address> fixed_;
};

Backends::Backends(net::Loop& loop, Resolver::Lookup lookup, BackendEvents& events)
    : loop_(loop), lookup_(std::move(lookup)), events_(events) {}

Backends::~Backends() = default;

Result<bool> Backends::Prepare(const BackendRef& backend, const Options::Upstream& options) {
  const auto known = std::find_if(backends_.begin(), backends_.end(),
                                  [&backend](const auto& one) { return one->backend() == backend; });
  if (known != backends_.end()) {
    (*known)->SetInterval(options.resolve_interval);
    return true;
  }
  auto made = std::make_unique<Place>(*this, backend);
  Result<bool> found = made->Find(options);
  if (found.ok()) backends_.push_back(std::move(made));
  return found;
}

const Backends::Place* Backends::Find(const pool::Backend& backend) const {
  const auto found = std::find_if(backends_.begin(), backends_.end(),
                                  [&backend](const auto& one) { return one->backend().get() == &backend; });
  return found != backends_.end() ? found->get() : nullptr;
}

pool::DialTargets Backends::targets(const pool::Backend& backend) const {
  const Place* const found = Find(backend);
  return found != nullptr ? pool::DialTargets(found->addresses()) : pool::DialTargets();
}

bool Backends::known(const pool::Backend& backend) const {
  const Place* const found = Find(backend);
  return found != nullptr && !found->addresses().empty();
}

void Backends::ForgetUnused() {
  backends_.erase(std::remove_if(backends_.begin(), backends_.end(), [](const auto& one) { return one->unused(); }),
                  backends_.end());
}

}  // namespace sheaf
