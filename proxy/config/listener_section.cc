#include "proxy/config/listener_section.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/config/names.h"
#include "proxy/config/own_keys.h"

namespace sheaf {
namespace {

bool IsOwn(std::string_view name, const std::vector<Origin>& origins) {
  const auto rows = ListenerRows();
  const auto row = std::find_if(rows.begin(), rows.end(), [name](const ListenerRow& r) { return r.name == name; });
  return origins[static_cast<size_t>(row - rows.begin())].source != Source::kDefault;
}

// A certificate of its own beside the key of another would not do, so that neither is inherited alone.
void PartFromSharedPair(ListenerOptions& listener, const std::vector<Origin>& origins) {
  const bool own_certificate = IsOwn("tls_certificate", origins);
  const bool own_key = IsOwn("tls_key", origins);
  if (own_certificate && !own_key) listener.tls_key.clear();
  if (own_key && !own_certificate) listener.tls_certificate.clear();
}

void AddAddresses(const FileValue& value, const ListenerOptions& listener, ListenerOrigins origins,
                  Configuration& configuration, std::vector<FileProblem>& problems) {
  OptionRow row = *FindOption("listen", "address");
  row.section = kListenerSection;
  std::vector<std::string> addresses;
  if (!StoreFileValue(row, &addresses, value, problems)) return;
  if (addresses.empty()) {
    problems.push_back({value.position, "listener.address must name an address: remove the [[listener]]"});
  }
  for (size_t i = 0; i < addresses.size(); ++i) {
    origins.address = {Source::kFile, ItemsOf(value)[i].position};
    configuration.options.listeners.push_back(listener);
    configuration.options.listeners.back().address = addresses[i];
    configuration.listener_origins.push_back(origins);
  }
}

}  // namespace

void AddListenAddresses(const Origin& origin, Configuration& configuration) {
  Options& options = configuration.options;
  for (const std::string& address : options.listen.address) {
    options.listeners.push_back(InheritListener(options, address));
    configuration.listener_origins.push_back({{}, origin, std::vector<Origin>(ListenerRows().size())});
  }
}

void AddListenerSection(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems) {
  ListenerOptions listener = InheritListener(configuration.options, "");
  ListenerOrigins origins{section.position, {}, std::vector<Origin>(ListenerRows().size())};
  const FileKey* address = nullptr;
  for (const FileKey& key : section.keys) {
    if (key.name == "address") {
      address = &key;
    } else if (!StoreOwnKey(ListenerRows(), kListenerSection, key, listener, origins.keys, problems)) {
      problems.push_back(
          {key.position, "unknown key " + QuoteToml(key.name) + " in [[listener]]" + SuggestListenerKey(key.name)});
    }
  }
  PartFromSharedPair(listener, origins.keys);
  if (address == nullptr) {
    problems.push_back({section.position, R"(a [[listener]] must have an address, such as address = ":8443")"});
    return;
  }
  AddAddresses(address->value, listener, origins, configuration, problems);
}

}  // namespace sheaf
