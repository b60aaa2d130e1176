#include "proxy/config/backend_checks.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "pool/endpoint.h"
#include "proxy/base/ascii.h"
#include "proxy/config/addresses.h"
#include "proxy/config/backend_section.h"
#include "proxy/config/config.h"
#include "proxy/config/file_checks.h"
#include "proxy/net/tls_context.h"

namespace sheaf {
namespace {

const OptionRow* Row(std::string_view section, std::string_view name) {
  return FindOption(section, name);
}

Position Later(Position one, Position other) {
  return std::tie(one.line, one.column) < std::tie(other.line, other.column) ? other : one;
}

// Of two texts: whether they are one place, reached in one way.
bool IsSameUrl(std::string_view one, std::string_view other) {
  const Result<pool::UpstreamUrl> a = pool::UpstreamUrl::Parse(one);
  const Result<pool::UpstreamUrl> b = pool::UpstreamUrl::Parse(other);
  if (!a.ok() || !b.ok() || a.value().tls != b.value().tls) return false;
  const bool has_host = !a.value().host.empty();
  return has_host ? EqualsIgnoreCase(a.value().address, b.value().address) : a.value().address == b.value().address;
}

class BackendChecker {
 public:
  explicit BackendChecker(const Configuration& configuration)
      : configuration_(configuration), options_(configuration.options), origins_(configuration.backend_origins) {}

  std::vector<Contradiction> Find() {
    CheckUrlBesideUrls();
    for (size_t i = 0; i < options_.backends.size(); ++i) {
      CheckRoots(i);
      CheckTwice(i);
      CheckTokenForm(i);
      // Nobody is led by a default that no route takes.
      if (of_upstream(i) && IsDefault(i) && !HasRoute(options_, options_.backends[i].name)) continue;
      CheckToken(i);
      CheckAdmin(i);
      CheckListeners(i);
    }
    return std::move(found_);
  }

 private:
  bool of_upstream(size_t backend) const { return origins_[backend].section.line == 0; }
  bool IsDefault(size_t backend) const { return origins_[backend].urls.front().source == Source::kDefault; }

  std::string_view UrlKey() const { return options_.upstream.urls.empty() ? "url" : "urls"; }

  std::string Name(size_t backend, std::string_view key) const {
    return std::string(of_upstream(backend) ? "upstream." : "backend.").append(key);
  }

  void Add(std::vector<const OptionRow*> rows, std::string text, Position place = {}, bool of_user = false) {
    found_.push_back({std::move(rows), std::move(text), of_user, place});
  }

  // At one of the backend's urls, and at what it does not go with.
  void AddAt(size_t backend, size_t url, const std::string& what, std::vector<const OptionRow*> others,
             Position other_place = {}) {
    std::string text = Name(backend, of_upstream(backend) ? UrlKey() : "urls");
    text += " (" + options_.backends[backend].urls[url] + ") " + what;
    if (of_upstream(backend)) {
      others.push_back(Row("upstream", UrlKey()));
      return Add(std::move(others), std::move(text), other_place);
    }
    Add(std::move(others), std::move(text), Later(origins_[backend].urls[url].position, other_place));
  }

  void CheckUrlBesideUrls() {
    const OptionRow& url = *Row("upstream", "url");
    const OptionRow& urls = *Row("upstream", "urls");
    const Origin& of_url = OriginOf(configuration_, url);
    if (options_.upstream.urls.empty() || of_url.source == Source::kDefault) return;
    Add({&url, &urls}, "upstream.url (" + DescribeOrigin(of_url, url, configuration_.file_name) +
                           ") and upstream.urls (" +
                           DescribeOrigin(OriginOf(configuration_, urls), urls, configuration_.file_name) +
                           ") are both set: name all endpoints in urls, and remove url");
  }

  void CheckTwice(size_t backend) {
    const std::vector<std::string>& urls = options_.backends[backend].urls;
    for (size_t i = 0; i < urls.size(); ++i) {
      const auto is_same = [&](const std::string& earlier) { return IsSameUrl(earlier, urls[i]); };
      const auto end = urls.begin() + static_cast<std::ptrdiff_t>(i);
      const auto earlier = std::find_if(urls.begin(), end, is_same);
      if (earlier == end) continue;
      AddAt(backend, i, "is the same endpoint as " + *earlier + ", in one list: remove one of them", {});
    }
  }

  bool Inherits(size_t backend, std::string_view key) const {
    return !of_upstream(backend) && OriginOfKey(origins_[backend], key).source == Source::kDefault;
  }

  // A file that has no token is told of where it is read.
  void CheckToken(size_t backend) {
    const BackendOptions& options = options_.backends[backend];
    if (options.mode != UpstreamMode::kMux || !options.token.empty() || !options.token_file.empty()) return;
    const bool inherits = Inherits(backend, "mode") && Inherits(backend, "token") && Inherits(backend, "token_file");
    const size_t place = inherits ? 0 : backend;  // [upstream]'s is the first
    if (of_upstream(place) && std::exchange(token_missed_, true)) return;
    const std::string text = Name(place, "mode") +
                             " is \"mux\", for which a token must be set: write the backend's SHEAF_TOKEN as " +
                             Name(place, "token") + ", or name a file with it as " + Name(place, "token_file");
    if (of_upstream(place)) return Add({Row("upstream", "mode"), Row("upstream", "token")}, text);
    Add({}, text, Later(origins_[place].section, OriginOfKey(origins_[place], "mode").position));
  }

  // It is sent in a field of a request.
  void CheckTokenForm(size_t backend) {
    const BackendOptions& options = options_.backends[backend];
    if (Inherits(backend, "token") && Inherits(backend, "token_file")) return;
    const bool fits =
        std::all_of(options.token.begin(), options.token.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (fits) return;
    const std::string_view key = options.token_file.empty() ? "token" : "token_file";
    Add(of_upstream(backend) ? std::vector{Row("upstream", key)} : std::vector<const OptionRow*>{},
        Name(backend, key) + " must have letters, digits and signs of ASCII alone, and no blanks",
        OriginOfKey(origins_[backend], key).position);
  }

  void CheckAdmin(size_t backend) {
    for (size_t i = 0; i < options_.backends[backend].urls.size(); ++i) {
      if (!Leads(backend, i, options_.admin.address, false)) continue;
      AddAt(backend, i,
            "is the admin listener of Sheaf itself, " + options_.admin.address +
                ": name the address of the backend, or another admin.address",
            {Row("admin", "address")});
    }
  }

  void CheckListeners(size_t backend) {
    for (size_t i = 0; i < options_.backends[backend].urls.size(); ++i) {
      for (size_t k = 0; k < options_.listeners.size(); ++k) {
        const ListenerOptions& listener = options_.listeners[k];
        if (!Leads(backend, i, listener.address, listener.ipv6_only)) continue;
        const ListenerOrigins& at = configuration_.listener_origins[k];
        const bool of_listen = at.section.line == 0;
        AddAt(backend, i,
              "is Sheaf itself, which listens at " + listener.address +
                  ": name the address of the backend, or listen at another",
              of_listen ? std::vector{Row("listen", "address")} : std::vector<const OptionRow*>{},
              of_listen ? Position{} : at.address.position);
      }
    }
  }

  bool Leads(size_t backend, size_t url, std::string_view listening, bool ipv6_only) const {
    const Result<pool::UpstreamUrl> parsed = pool::UpstreamUrl::Parse(options_.backends[backend].urls[url]);
    return parsed.ok() && LeadsTo(parsed.value().address, listening, ipv6_only);
  }

  // Of [upstream], and of a [[backend]] that has root certificates of its own.
  void CheckRoots(size_t backend) {
    const BackendOptions& options = options_.backends[backend];
    const Origin& own = OriginOfKey(origins_[backend], "tls_ca");
    const OptionRow* const row = Row("upstream", "tls_ca");
    if (options.tls_ca.empty() || (!of_upstream(backend) && own.source == Source::kDefault)) return;
    const std::vector<const OptionRow*> rows =
        of_upstream(backend) ? std::vector{row} : std::vector<const OptionRow*>{};
    const std::string name = Name(backend, "tls_ca");
    if (const auto unreadable = FindUnreadable(options.tls_ca, name, row)) {
      return Add(rows, unreadable->text, own.position, unreadable->of_user);
    }
    const Result<std::unique_ptr<net::TlsContext>> context =
        net::TlsContext::ForClient(options.tls_ca, options.tls_verify);
    if (!context.ok()) Add(rows, name + ": " + context.error(), own.position);
  }

  const Configuration& configuration_;
  const Options& options_;
  const std::vector<BackendOrigins>& origins_;
  std::vector<Contradiction> found_;
  bool token_missed_ = false;  // that of [upstream], whoever inherits it
};

}  // namespace

std::vector<Contradiction> FindBackendContradictions(const Configuration& configuration) {
  return BackendChecker(configuration).Find();
}

}  // namespace sheaf
