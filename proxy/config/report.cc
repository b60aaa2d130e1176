#include "proxy/config/report.h"

#include <algorithm>
#include <vector>

#include "pool/endpoint.h"
#include "proxy/base/log.h"
#include "proxy/base/printable.h"
#include "proxy/config/backend_section.h"
#include "proxy/net/listener.h"

namespace sheaf {
namespace {

std::string Subject(const Configuration& configuration) {
  if (!configuration.file_name.empty()) return Printable(configuration.file_name);
  const auto count = [&configuration](Source source) {
    const auto& origins = configuration.origins;
    return std::to_string(std::count_if(origins.begin(), origins.end(),
                                        [source](const Origin& origin) { return origin.source == source; }));
  };
  return "no conf file was named (-c FILE): defaults, options from the environment (" + count(Source::kEnvironment) +
         ") and from --set (" + count(Source::kCommandLine) + ")";
}

// "unix:/run/a.sock, 0 to 10000 connections", a line for each of the backend's urls.
std::string EndpointsText(const BackendOptions& backend, const Options::Pool& pool, const std::string& indent) {
  std::string text;
  for (const std::string& one : backend.urls) {
    const Result<pool::UpstreamUrl> url = pool::UpstreamUrl::Parse(one);
    const std::string warm = url.ok() ? std::to_string(pool::WarmLinks(pool, url.value())) : "auto";
    if (!text.empty()) text.append("\n").append(indent);
    text.append(one).append(", ").append(warm).append(" to ").append(std::to_string(pool.max_size));
    text.append(" connections");
  }
  return text;
}

std::string BackendsText(const Options& options) {
  std::string text;
  for (const BackendOptions& backend : options.backends) {
    const bool of_upstream = backend.name == kDefaultBackend;
    const std::string label = of_upstream ? "upstream: " : "backend:  " + backend.name + ": ";
    const bool used = HasRoute(options, backend.name);
    text += "\n" + label;
    text += !of_upstream || used ? EndpointsText(backend, options.pool, std::string(label.size(), ' '))
                                 : "none, since all routes lead to a [[backend]]";
  }
  return text;
}

std::string TermsText(const ListenerOptions& listener) {
  const bool proxied = listener.proxy_protocol == ProxyProtocol::kOn;
  if (!listener.is_tls()) return proxied ? " (PROXY protocol)" : "";
  return proxied ? " (PROXY protocol, TLS)" : " (TLS)";
}

std::string Summarize(const Options& options) {
  std::string paths;
  for (const RouteOptions& route : options.routes) {
    paths += (paths.empty() ? "" : ", ") + route.path;
    if (route.backend != kDefaultBackend) paths += " (" + route.backend + ")";
  }
  std::string listeners;
  for (const ListenerOptions& listener : options.listeners) {
    listeners += (listeners.empty() ? "" : ", ") + listener.address + TermsText(listener);
  }
  return "clients:  " + listeners + BackendsText(options) +
         "\nadmin:    " + (options.admin.address.empty() ? "off" : options.admin.address) + "\nroutes:   " + paths +
         "\n";
}

std::string Line(const char* label, const std::string& text) {
  return label + text + "\n";
}

// Empty: Sheaf could listen there now.
std::string NoteOnAddress(const std::string& option, const std::string& text, bool ipv6_only) {
  const Result<net::Address> address = net::Address::Resolve(text, true);
  const Result<bool> free =
      address.ok() ? net::Listener::Probe(address.value(), {.ipv6_only = ipv6_only}) : Error{address.error()};
  return free.ok() ? "" : Line("note:     ", option + ": " + free.error());
}

std::string Sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text.append(text.empty() ? "" : ",").append(name);
  return text;
}

}  // namespace

std::string ReportOfCheck(const Configuration& configuration) {
  const Options& options = configuration.options;
  std::string report = "configuration is valid: " + Subject(configuration) + "\n" + Summarize(options);
  for (const std::string& warning : configuration.warnings) report += Line("warning:  ", Printable(warning));
  for (const std::string& note : configuration.notes) report += Line("note:     ", note);
  for (size_t i = 0; i < options.listeners.size(); ++i) {
    const bool of_listen = configuration.listener_origins[i].section.line == 0;
    const ListenerOptions& listener = options.listeners[i];
    report += NoteOnAddress(of_listen ? "listen.address" : "listener.address", listener.address, listener.ipv6_only);
  }
  if (!options.admin.address.empty()) report += NoteOnAddress("admin.address", options.admin.address, false);
  return report;
}

void LogIgnoredVariables(const Configuration& configuration) {
  if (!configuration.service_links.empty()) {
    Log(LogLevel::kDebug, "variables of Kubernetes' service links are ignored",
        {{"names", Sorted(configuration.service_links)}});
  }
  if (!configuration.foreign_variables.empty()) {
    Log(LogLevel::kInfo, "variables of the environment are ignored: no option has their name",
        {{"names", Sorted(configuration.foreign_variables)}});
  }
}

}  // namespace sheaf
