#include "proxy/http/forwarded_fields.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "proxy/wire/forwarded.h"

namespace sheaf {
namespace {

using wire::EqualsIgnoreCase;
using wire::Field;

constexpr std::string_view kForwardedPrefix = "X-Forwarded-";
// Of these one value can be right, and the nearest proxy's comes last. -Proto and -Host are written in any case.
constexpr std::string_view kSingleValued[] = {"X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Scheme",
                                              "X-Forwarded-Ssl", "X-Forwarded-Protocol"};
constexpr std::string_view kOthersOfFamily[] = {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
                                                "X-Real-IP"};
constexpr size_t kLongestUser = 256;

template <size_t N>
bool IsOneOf(std::string_view name, const std::string_view (&names)[N]) {
  return std::any_of(std::begin(names), std::end(names),
                     [name](std::string_view one) { return EqualsIgnoreCase(name, one); });
}

bool IsXForwarded(std::string_view name) {
  const bool has_prefix = name.size() >= kForwardedPrefix.size() &&
                          EqualsIgnoreCase(name.substr(0, kForwardedPrefix.size()), kForwardedPrefix);
  return has_prefix || EqualsIgnoreCase(name, "X-Real-IP");
}

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// The last member of a list, taken off its end.
std::string_view TakeLast(std::string_view& list) {
  const size_t comma = list.rfind(',');
  const std::string_view last = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return Trim(last);
}

// Of all lines of the field and all values in them the last that is not empty.
std::string_view LastValue(const wire::RequestHead& request, std::string_view name) {
  for (auto field = request.fields.rbegin(); field != request.fields.rend(); ++field) {
    if (!EqualsIgnoreCase(field->name, name)) continue;
    for (std::string_view rest = field->value; !rest.empty();) {
      if (const std::string_view value = TakeLast(rest); !value.empty()) return value;
    }
  }
  return {};
}

std::string_view LastLine(const wire::RequestHead& request, std::string_view name) {
  std::string_view last;
  for (const Field& field : request.fields) {
    if (EqualsIgnoreCase(field.name, name)) last = field.value;
  }
  return last;
}

// The field's lines joined into one that `accept` takes, with a comma behind each.
template <typename Accept>
std::string JoinLines(const wire::RequestHead& request, std::string_view name, Accept accept) {
  std::string joined;
  for (const Field& field : request.fields) {
    if (!EqualsIgnoreCase(field.name, name) || field.value.empty() || !accept(field.value)) continue;
    joined.append(field.value).append(", ");
  }
  return joined;
}

bool SaysSomething(std::string_view forwarded) {
  const auto clients = wire::ParseForwarded(forwarded);
  return clients && !clients->empty();
}

// The clients that the proxies in front tell of, each as the next one saw it, in order.
std::vector<std::string> Chain(const wire::RequestHead& request, const ForwardingRules& rules) {
  std::vector<std::string> chain;
  const bool forwarded = rules.header == ForwardedHeader::kForwarded;
  for (const Field& field : request.fields) {
    if (!EqualsIgnoreCase(field.name, forwarded ? "Forwarded" : "X-Forwarded-For")) continue;
    if (forwarded) {
      if (auto clients = wire::ParseForwarded(field.value)) chain.insert(chain.end(), clients->begin(), clients->end());
      continue;
    }
    const auto at = static_cast<ptrdiff_t>(chain.size());
    for (std::string_view rest = field.value; !rest.empty();) {
      if (const std::string_view node = TakeLast(rest); !node.empty()) chain.emplace_back(node);
    }
    std::reverse(chain.begin() + at, chain.end());
  }
  // A front proxy may say it in this field alone.
  if (chain.empty() && !forwarded) chain.emplace_back(LastValue(request, "X-Real-IP"));
  return chain;
}

// `http` or `https`, never `ws` or `wss`: applications compare it with the Origin's scheme.
std::string_view Scheme(const wire::RequestHead& request, const ClientInfo& client) {
  if (client.trusted()) {
    const std::string_view proto = LastValue(request, "X-Forwarded-Proto");
    if (EqualsIgnoreCase(proto, "https") || EqualsIgnoreCase(proto, "wss")) return "https";
    if (EqualsIgnoreCase(proto, "http") || EqualsIgnoreCase(proto, "ws")) return "http";
  }
  return client.tls ? "https" : "http";
}

void AppendField(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

void AppendForwarded(std::string& head, const wire::RequestHead& request, const ClientInfo& client,
                     std::string_view host) {
  std::string line = client.trusted() ? JoinLines(request, "Forwarded", SaysSomething) : std::string();
  const bool is_v6 = client.host.find(':') != std::string::npos;
  line.append("for=").append(wire::ForwardedValue(is_v6 ? "[" + client.host + "]" : client.host));
  if (!host.empty()) line.append(";host=").append(wire::ForwardedValue(host));
  AppendField(head, "Forwarded", line.append(";proto=").append(client.tls ? "https" : "http"));
}

void AppendXForwarded(std::string& head, const wire::RequestHead& request, const ClientInfo& client,
                      const ForwardingRules& rules, std::string_view host) {
  const auto any = [](std::string_view) { return true; };
  const std::string chain = client.trusted() ? JoinLines(request, "X-Forwarded-For", any) : std::string();
  AppendField(head, "X-Forwarded-For", chain + client.host);
  AppendField(head, "X-Forwarded-Proto", Scheme(request, client));
  const std::string_view told_host = client.trusted() ? LastValue(request, "X-Forwarded-Host") : std::string_view();
  AppendField(head, "X-Forwarded-Host", told_host.empty() ? host : told_host);
  if (!client.trusted()) return;
  for (const std::string_view name : kSingleValued) {
    if (const std::string_view value = LastValue(request, name); !value.empty()) AppendField(head, name, value);
  }
  if (request.Find("X-Real-IP")) AppendField(head, "X-Real-IP", OriginalClient(request, client, rules));
}

}  // namespace

std::string OriginalClient(const wire::RequestHead& request, const ClientInfo& client, const ForwardingRules& rules) {
  std::string original = client.host;
  if (!client.trusted()) return original;
  const std::vector<std::string> chain = Chain(request, rules);
  for (auto node = chain.rbegin(); node != chain.rend(); ++node) {
    const std::optional<net::IpBytes> ip = net::ParseIp(wire::NodeAddress(*node));
    if (!ip) break;  // somebody that is not named: the proxy that says so is the last who is known
    original = net::IpToString(*ip);
    if (!rules.proxies.Contains(*ip)) break;
  }
  return original;
}

std::string_view UserOf(const wire::RequestHead& request, const ClientInfo& client, const ForwardingRules& rules) {
  const std::string_view user =
      client.trust == Trust::kNamed ? LastLine(request, rules.user_header) : std::string_view();
  return user.size() <= kLongestUser ? user : std::string_view();
}

std::string_view UserOf(const wire::ResponseHead& response, const ForwardingRules& rules) {
  std::string_view user;
  for (const Field& field : response.fields) {
    if (!rules.user_header.empty() && EqualsIgnoreCase(field.name, rules.user_header)) user = field.value;
  }
  return user.size() <= kLongestUser ? user : std::string_view();
}

bool SpeaksForClient(std::string_view name, const ClientInfo& client, const ForwardingRules& rules) {
  if (EqualsIgnoreCase(name, "Forwarded")) return true;
  if (IsXForwarded(name)) {
    const bool believed = client.trusted() && rules.header == ForwardedHeader::kXForwarded;
    return !believed || IsOneOf(name, kSingleValued) || IsOneOf(name, kOthersOfFamily);
  }
  // Where nobody is named, no field is an identity to Sheaf, and this one is the application's own affair.
  return rules.proxies_named && EqualsIgnoreCase(name, rules.user_header);
}

bool HasUntrustedClaims(const wire::RequestHead& request, const ClientInfo& client, const ForwardingRules& rules) {
  return !client.trusted() && std::any_of(request.fields.begin(), request.fields.end(), [&](const Field& field) {
    return SpeaksForClient(field.name, client, rules);
  });
}

void AppendForwardedFields(std::string& head, const wire::RequestHead& request, const ClientInfo& client,
                           const ForwardingRules& rules, std::string_view host) {
  if (rules.header == ForwardedHeader::kForwarded) {
    AppendForwarded(head, request, client, host);
  } else {
    AppendXForwarded(head, request, client, rules, host);
  }
  if (client.trust != Trust::kNamed) return;
  if (const std::string_view user = LastLine(request, rules.user_header); !user.empty()) {
    AppendField(head, rules.user_header, user);
  }
}

}  // namespace sheaf
