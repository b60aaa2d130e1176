#include "proxy/plan/negotiation.h"

#include <algorithm>

namespace sheaf {
namespace {

std::optional<Envelope> AskedEnvelope(const wire::RequestHead& request, const std::optional<std::string>& asked) {
  if (asked) {
    if (const auto envelope = EnvelopeNamed(*asked)) return envelope;
  }
  const auto field = request.Find(kBatchField);
  return field ? EnvelopeNamed(*field) : std::nullopt;
}

std::optional<Envelope> EnvelopeFor(const wire::RequestHead& request, const std::optional<std::string>& asked,
                                    const RouteOptions& route) {
  switch (route.delivery) {
    case Delivery::kOff:
    case Delivery::kCork:
      return std::nullopt;
    case Delivery::kOffer:
      return AskedEnvelope(request, asked);
    case Delivery::kAlways:
      return AskedEnvelope(request, asked).value_or(route.envelope);
  }
  return std::nullopt;
}

// `parameter`: with its "=".
bool HasParameter(std::string_view target, std::string_view parameter) {
  for (size_t at = target.find('?'); at < target.size(); at = target.find('&', at + 1)) {
    if (target.substr(at + 1).starts_with(parameter)) return true;
  }
  return false;
}

std::string JoinedOffers(const wire::RequestHead& request) {
  std::string offers;
  for (const wire::Field& field : request.fields) {
    if (!wire::EqualsIgnoreCase(field.name, "Sec-WebSocket-Extensions")) continue;
    if (!offers.empty()) offers.append(", ");
    offers.append(field.value);
  }
  return offers;
}

}  // namespace

std::optional<std::string> TakeQueryParameter(std::string& target, std::string_view name) {
  const size_t query = target.find('?');
  if (query == std::string::npos) return std::nullopt;
  std::optional<std::string> value;
  std::string rest;
  bool any_left = false;
  for (size_t begin = query + 1; begin <= target.size();) {
    const size_t end = std::min(target.find('&', begin), target.size());
    const std::string_view parameter = std::string_view(target).substr(begin, end - begin);
    const size_t equals = std::min(parameter.find('='), parameter.size());
    if (parameter.substr(0, equals) == name) {
      if (!value) value = parameter.substr(std::min(equals + 1, parameter.size()));
    } else {
      if (any_left) rest.push_back('&');
      rest.append(parameter);
      any_left = true;
    }
    begin = end + 1;
  }
  if (!value) return std::nullopt;
  target.resize(query);
  if (any_left) target.append("?").append(rest);
  return value;
}

bool IsEngineIo(std::string_view target) {
  return HasParameter(target, "EIO=") && HasParameter(target, "transport=");
}

Negotiated Negotiate(const wire::RequestHead& request, std::string& target, const RouteOptions& route,
                     const wire::DeflateSettings& settings) {
  const std::optional<std::string> asked = TakeQueryParameter(target, kBatchParameter);
  Negotiated result;
  result.envelope = EnvelopeFor(request, asked, route);
  if (route.deflate) result.deflate = wire::NegotiateDeflate(JoinedOffers(request), settings);
  result.socket_io = HasParameter(target, "EIO=");
  return result;
}

wire::DeflateSettings DeflateSettingsFrom(const Options::Deflate& options) {
  return {.server_takeover = options.context != DeflateContext::kNone,
          .window_bits = static_cast<uint8_t>(options.window_bits)};
}

wire::DeflateEffort DeflateEffortFrom(const Options::Deflate& options) {
  return {.level = static_cast<uint8_t>(options.level), .memory_level = static_cast<uint8_t>(options.memory_level)};
}

}  // namespace sheaf
