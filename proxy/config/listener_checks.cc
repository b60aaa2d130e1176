#include "proxy/config/listener_checks.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "proxy/config/addresses.h"
#include "proxy/config/config.h"
#include "proxy/config/file_checks.h"
#include "proxy/net/tls_context.h"

namespace sheaf {
namespace {

const OptionRow* Row(std::string_view section, std::string_view name) {
  return FindOption(section, name);
}

// A listener whose key it is that something is wrong with: [listen], or one of a [[listener]] that sets it by itself.
struct Owner {
  const ListenerOptions& options;
  const ListenerOrigins* origins;  // nullptr: of [listen]

  std::string Name(std::string_view key) const {
    return std::string(origins == nullptr ? "listen." : "listener.").append(key);
  }

  const Origin& OriginOf(std::string_view key) const {
    const auto rows = ListenerRows();
    const auto row = std::find_if(rows.begin(), rows.end(), [key](const ListenerRow& r) { return r.name == key; });
    return row == rows.end() ? origins->address : origins->keys[static_cast<size_t>(row - rows.begin())];
  }

  bool Sets(std::string_view key) const { return origins == nullptr || OriginOf(key).source != Source::kDefault; }
};

class ListenerChecker {
 public:
  explicit ListenerChecker(const Configuration& configuration)
      : options_(configuration.options), origins_(configuration.listener_origins) {}

  std::vector<Contradiction> Find() {
    const ListenerOptions shared = InheritListener(options_, "");
    CheckOwn({shared, nullptr});
    for (size_t i = 0; i < options_.listeners.size(); ++i) {
      if (origins_[i].section.line > 0) CheckOwn({options_.listeners[i], &origins_[i]});
      CheckPlace(i);
    }
    if (options_.listeners.empty()) {
      Add({Row("listen", "address")},
          "listen.address is empty and there is no [[listener]], so that nobody could connect: name an address, such "
          "as "
          "\":8080\"");
    }
    return std::move(found_);
  }

 private:
  void Add(std::vector<const OptionRow*> rows, std::string text, Position place = {}, bool of_user = false) {
    // All addresses of a [[listener]] have its keys, which are told of once.
    const auto told = [&](const Contradiction& earlier) {
      return earlier.text == text && earlier.place.line == place.line && earlier.place.column == place.column;
    };
    if (std::any_of(found_.begin(), found_.end(), told)) return;
    found_.push_back({std::move(rows), std::move(text), of_user, place});
  }

  // At the keys of `owner`.
  void AddOf(const Owner& owner, const std::vector<std::string_view>& keys, std::string text, bool of_user = false,
             std::vector<const OptionRow*> others = {}) {
    Position place;
    std::vector<const OptionRow*> rows;
    for (const std::string_view key : keys) {
      if (owner.origins == nullptr) {
        rows.push_back(Row("listen", key));
      } else if (const Position& position = owner.OriginOf(key).position;
                 std::tie(position.line, position.column) > std::tie(place.line, place.column)) {
        place = position;
      }
    }
    rows.insert(rows.end(), others.begin(), others.end());
    Add(std::move(rows), std::move(text), place, of_user);
  }

  void CheckOwn(const Owner& owner) {
    if (owner.Sets("socket_mode")) CheckSocketMode(owner);
    if (owner.Sets("proxy_protocol")) CheckProxyProtocol(owner);
    if (owner.Sets("tls_certificate") || owner.Sets("tls_key")) CheckTls(owner);
  }

  void CheckSocketMode(const Owner& owner) {
    if (owner.options.socket_mode.empty() || ReachesUnixSocket(owner)) return;
    AddOf(owner, {"socket_mode", "address"},
          owner.Name("socket_mode") + " is for a Unix socket, and " + owner.Name("address") +
              " is none: remove it, or listen on unix:/path");
  }

  // Of [listen], whatever inherits from it counts; of a [[listener]], all of its addresses.
  bool ReachesUnixSocket(const Owner& owner) const {
    for (size_t i = 0; i < options_.listeners.size(); ++i) {
      const Owner other{options_.listeners[i], &origins_[i]};
      const bool reached = owner.origins == nullptr ? origins_[i].section.line == 0 || !other.Sets("socket_mode")
                                                    : origins_[i].section.line == owner.origins->section.line;
      if (reached && other.options.is_unix()) return true;
    }
    return false;
  }

  void CheckProxyProtocol(const Owner& owner) {
    if (owner.options.proxy_protocol == ProxyProtocol::kOff) return;
    const auto& named = options_.forwarded.trusted_proxies;
    if (options_.proxies_named && !named.empty() && named.front() != "none") return;
    AddOf(owner, {"proxy_protocol"},
          owner.Name("proxy_protocol") +
              " is on, but forwarded.trusted_proxies names nobody whose PROXY header is believed: name "
              "the addresses of the load balancer",
          false, {Row("forwarded", "trusted_proxies")});
  }

  void CheckTls(const Owner& owner) {
    const auto& [certificate, key] = std::tie(owner.options.tls_certificate, owner.options.tls_key);
    if (certificate.empty() && key.empty()) return;
    if (key.empty() || certificate.empty()) {
      const auto [one, other] =
          key.empty() ? std::pair("tls_certificate", "tls_key") : std::pair("tls_key", "tls_certificate");
      return AddOf(owner, {one}, owner.Name(one) + " is set without " + owner.Name(other) + ": set both or none");
    }
    const bool certificate_readable = IsReadable(owner, certificate, "tls_certificate");
    if (!IsReadable(owner, key, "tls_key") || !certificate_readable) return;
    const Result<std::unique_ptr<net::TlsContext>> context =
        net::TlsContext::ForServer(certificate, key, owner.options.tls_groups);
    if (context.ok()) return;
    AddOf(owner, {"tls_certificate", "tls_key"},
          owner.Name("tls_certificate") + " and " + owner.Name("tls_key") + ": " + context.error());
  }

  bool IsReadable(const Owner& owner, const std::string& path, std::string_view key) {
    const auto unreadable = FindUnreadable(path, owner.Name(key), Row("listen", key));
    if (unreadable) AddOf(owner, {key}, unreadable->text, unreadable->of_user);
    return !unreadable;
  }

  // Whether its address is anybody else's.
  void CheckPlace(size_t index) {
    const ListenerOptions& listener = options_.listeners[index];
    const bool of_listen = origins_[index].section.line == 0;
    const Owner owner{listener, of_listen ? nullptr : &origins_[index]};
    if (Collide(listener.address, listener.ipv6_only, options_.admin.address, false)) {
      AddOf(owner, {"address"},
            owner.Name("address") + " and admin.address are one port of one address: give one of them another port",
            false, {Row("admin", "address")});
    }
    for (size_t i = 0; i < index; ++i) {
      const ListenerOptions& earlier = options_.listeners[i];
      if (!Collide(earlier.address, earlier.ipv6_only, listener.address, listener.ipv6_only)) continue;
      AddOf(owner, {"address"},
            QuoteToml(earlier.address) + " and " + QuoteToml(listener.address) +
                " cannot both be listened at, since they are one place: remove one of them, or change it",
            false, PlaceOf(i));
    }
  }

  std::vector<const OptionRow*> PlaceOf(size_t index) const {
    return origins_[index].section.line == 0 ? std::vector{Row("listen", "address")} : std::vector<const OptionRow*>{};
  }

  const Options& options_;
  const std::vector<ListenerOrigins>& origins_;
  std::vector<Contradiction> found_;
};

}  // namespace

std::vector<Contradiction> FindListenerContradictions(const Configuration& configuration) {
  return ListenerChecker(configuration).Find();
}

}  // namespace sheaf
