#include "proxy/listeners.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "proxy/base/events.h"

namespace sheaf {
namespace {

std::string AtListener(const ListenerOptions& options, const std::string& error) {
  return "listener " + options.address + ": " + error;
}

using TlsContextRef = std::shared_ptr<const net::TlsContext>;

// Listeners with the same files and key exchanges share a context, and with it the sessions that clients resume.
class TlsContexts {
 public:
  // As it was before: to be kept where the files have the same in them.
  void Know(const ListenerOptions& options, const TlsContextRef& tls) { before_[TermsOf(options)] = tls; }

  Result<TlsContextRef> Of(const ListenerOptions& options) {
    if (!options.is_tls()) return TlsContextRef();
    TlsContextRef& known = contexts_[TermsOf(options)];
    if (known) return known;
    auto made = net::TlsContext::ForServer(options.tls_certificate, options.tls_key, options.tls_groups);
    if (!made.ok()) return Error{AtListener(options, made.error())};
    const TlsContextRef& before = before_[TermsOf(options)];
    known = before && before->HasPairOf(*made.value()) ? before : std::move(made.value());
    return known;
  }

 private:
  using Terms = std::tuple<std::string, std::string, std::vector<std::string>>;

  static Terms TermsOf(const ListenerOptions& options) {
    return {options.tls_certificate, options.tls_key, options.tls_groups};
  }

  std::map<Terms, TlsContextRef> before_;
  std::map<Terms, TlsContextRef> contexts_;
};

bool IsOnePort(const net::Address& one, const net::Address& other) {
  return !one.is_unix() && !other.is_unix() && one.port() == other.port();
}

}  // namespace

std::vector<std::string> Listeners::Change::added() const {
  std::vector<std::string> texts;
  for (const Place& place : places_) {
    if (place.listener) texts.push_back(place.options.address);
  }
  return texts;
}

std::vector<std::string> Listeners::Change::kept() const {
  std::vector<std::string> texts;
  for (const Place& place : places_) {
    if (!place.listener) texts.push_back(place.options.address);
  }
  return texts;
}

const Listeners::Place* Listeners::Find(const Place& wanted) const {
  // Which families a socket takes is settled when it is bound.
  const bool both_families = wanted.address.family() == AF_INET6;
  const auto found = std::find_if(places_.begin(), places_.end(), [&](const Place& place) {
    return place.listener && place.address == wanted.address &&
           (!both_families || place.options.ipv6_only == wanted.options.ipv6_only) && place.listener->in_place();
  });
  return found == places_.end() ? nullptr : &*found;
}

bool Listeners::Stays(const Place& place, const Change& change) const {
  return std::any_of(change.places_.begin(), change.places_.end(),
                     [&place](const Place& wanted) { return wanted.id == place.id; });
}

bool Listeners::TakesOver(const Place& wanted, const Change& change) const {
  return std::any_of(places_.begin(), places_.end(), [&](const Place& place) {
    return IsOnePort(place.address, wanted.address) && !Stays(place, change) && !place.closed;
  });
}

Result<Listeners::Change> Listeners::Prepare(std::span<const ListenerOptions> wanted) const {
  Change change;
  TlsContexts contexts;
  for (const Place& place : places_) contexts.Know(place.options, place.terms.tls);
  for (const ListenerOptions& options : wanted) {
    const Result<net::Address> address = net::Address::Resolve(options.address, true);
    if (!address.ok()) return Error{AtListener(options, address.error())};
    auto tls = contexts.Of(options);
    if (!tls.ok()) return Error{tls.error()};
    Place place{.id = 0,
                .address = address.value(),
                .options = options,
                .terms = {.tls = std::move(tls.value()),
                          .proxy_protocol = options.proxy_protocol == ProxyProtocol::kOn,
                          .backlog = static_cast<int>(options.backlog)},
                .listener = nullptr,
                .closed = false};
    if (const Place* present = Find(place)) place.id = present->id;
    change.places_.push_back(std::move(place));
  }
  for (const Place& place : places_) {
    if (!Stays(place, change)) change.removed_.push_back(place.options.address);
  }
  if (const Result<bool> opened = Open(change); !opened.ok()) return Error{opened.error()};
  return change;
}

Result<bool> Listeners::Open(Change& change) const {
  for (Place& place : change.places_) {
    if (place.id != 0) continue;
    auto listener = net::Listener::Open(place.address, {.backlog = place.terms.backlog,
                                                        .sockets = workers_,
                                                        .ipv6_only = place.options.ipv6_only,
                                                        .mode = ParseFileMode(place.options.socket_mode),
                                                        .takes_over = TakesOver(place, change)});
    if (!listener.ok()) return Error{AtListener(place.options, listener.error())};
    place.listener = std::move(listener.value());
  }
  return true;
}

std::vector<EntranceChanges> Listeners::Apply(Change change) {
  EntranceChanges of_all;
  std::vector<EntranceChanges> changes(workers_);
  std::vector<Place> before = std::exchange(places_, std::move(change.places_));
  for (Place& place : places_) {
    if (place.listener) {
      place.id = ++last_id_;
      for (EntranceChanges& worker : changes) worker.added.push_back({place.id, place.listener->Take(), place.terms});
      continue;
    }
    const auto present =
        std::find_if(before.begin(), before.end(), [&place](const Place& old) { return old.id == place.id; });
    place.listener = std::move(present->listener);
    if (place.options.socket_mode != present->options.socket_mode &&
        !place.listener->SetMode(ParseFileMode(place.options.socket_mode))) {
      Announce(EventKind::kReload, LogLevel::kWarning, "the permissions of a Unix socket stay as they were",
               {{"address", place.options.address}, {"socket_mode", place.options.socket_mode}});
    }
    of_all.kept.push_back({place.id, place.terms});
  }
  for (const Place& old : before) {
    if (old.listener) of_all.removed.push_back(old.id);
  }
  for (EntranceChanges& worker : changes) {
    worker.kept = of_all.kept;
    worker.removed = of_all.removed;
  }
  return changes;
}

std::chrono::sys_seconds Listeners::first_expiry() const {
  std::optional<std::chrono::sys_seconds> first;
  for (const Place& place : places_) {
    if (!place.terms.tls) continue;
    const std::chrono::sys_seconds one = place.terms.tls->expires();
    if (!first || one < *first) first = one;
  }
  return first.value_or(std::chrono::sys_seconds{});
}

void Listeners::GiveUp() {
  for (Place& place : places_) place.listener.reset();
}

void Listeners::OnAllClosed() {
  for (Place& place : places_) place.closed = !place.listener;
}

}  // namespace sheaf
