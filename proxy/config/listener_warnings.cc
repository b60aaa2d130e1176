#include "proxy/config/listener_warnings.h"

#include <algorithm>

#include "proxy/net/address.h"

namespace sheaf {
namespace {

std::string Place(const Configuration& configuration, const ListenerOrigins& origins) {
  return DescribeOrigin(origins.address, *FindOption("listen", "address"), configuration.file_name);
}

// Who writes a [[listener]] may believe that nothing else is open.
std::string OfDefaultAddress(const Configuration& configuration) {
  const OptionRow& row = *FindOption("listen", "address");
  const auto& origins = configuration.listener_origins;
  const auto own = std::find_if(origins.begin(), origins.end(),
                                [](const ListenerOrigins& listener) { return listener.section.line > 0; });
  if (own == origins.end() || OriginOf(configuration, row).source != Source::kDefault) return {};
  return Place(configuration, *own) + ": clients are served at " + configuration.options.listeners.front().address +
         " too, the default of listen.address: write it, or address = [] under [listen] for the [[listener]]s alone";
}

// Where plain text is what clients speak: port 80, and a Unix socket behind a front proxy.
bool ExpectsPlainText(const ListenerOptions& listener) {
  const auto parts = net::SplitHostPort(listener.address);
  return listener.is_unix() || (parts && parts->port == 80);
}

bool InheritsTls(const ListenerOptions& listener, const ListenerOrigins& origins) {
  if (origins.section.line == 0 || !listener.is_tls()) return false;
  for (size_t i = 0; i < ListenerRows().size(); ++i) {
    if (ListenerRows()[i].name == "tls_certificate") return origins.keys[i].source == Source::kDefault;
  }
  return false;
}

}  // namespace

std::vector<std::string> WarningsOfListeners(const Configuration& configuration) {
  std::vector<std::string> warnings;
  if (std::string warning = OfDefaultAddress(configuration); !warning.empty()) warnings.push_back(warning);
  for (size_t i = 0; i < configuration.options.listeners.size(); ++i) {
    const ListenerOptions& listener = configuration.options.listeners[i];
    const ListenerOrigins& origins = configuration.listener_origins[i];
    if (!InheritsTls(listener, origins) || !ExpectsPlainText(listener)) continue;
    warnings.push_back(Place(configuration, origins) + ": " + listener.address +
                       " speaks TLS, as [listen] does: write tls_certificate = \"\" for plain text, or name the "
                       "certificate and its key here too");
  }
  return warnings;
}

}  // namespace sheaf
