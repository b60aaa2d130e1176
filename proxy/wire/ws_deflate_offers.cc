#include "proxy/wire/ws_deflate_offers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

constexpr std::string_view kExtensionName = "permessage-deflate";
constexpr uint8_t kMinWindowBits = 9;  // zlib has no raw deflate with a window of 8 bits
constexpr uint8_t kMaxWindowBits = 15;

enum Parameter : uint8_t { kServerNoTakeover, kClientNoTakeover, kServerWindowBits, kClientWindowBits, kParameters };

constexpr std::array<std::string_view, kParameters> kParameterNames = {
    "server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"};

struct Offer {
  std::array<bool, kParameters> has = {};
  uint8_t server_window_bits = kMaxWindowBits;
  uint8_t client_window_bits = kMaxWindowBits;
};

// Takes the next part off the front of `text`, up to a separator outside of quoted strings. Returns whether there was
// one, so that another part follows, if only an empty one.
bool TakePart(std::string_view& text, char separator, std::string_view& part) {
  bool quoted = false;
  size_t end = 0;
  for (; end < text.size() && (quoted || text[end] != separator); ++end) {
    if (text[end] == '"') quoted = !quoted;
    if (quoted && text[end] == '\\') ++end;
  }
  const bool more = end < text.size();
  part = Trim(text.substr(0, end));
  text.remove_prefix(more ? end + 1 : text.size());
  return more;
}

// A parameter's value without its quotes and escapes; nullopt if the quotes do not match.
std::optional<std::string> Unquote(std::string_view value) {
  if (!value.starts_with('"')) return std::string(value);
  std::string text;
  for (size_t i = 1; i < value.size(); ++i) {
    if (value[i] == '"') return i + 1 == value.size() ? std::optional(text) : std::nullopt;
    if (value[i] == '\\' && ++i == value.size()) break;
    text.push_back(value[i]);
  }
  return std::nullopt;
}

// 8 to 15, in decimal without a leading zero (RFC 7692 7.1.2).
std::optional<uint8_t> ParseWindowBits(std::string_view value) {
  const auto text = Unquote(value);
  if (!text) return std::nullopt;
  for (uint8_t bits = 8; bits <= kMaxWindowBits; ++bits) {
    if (*text == std::to_string(bits)) return bits;
  }
  return std::nullopt;
}

bool ReadWindowBits(std::string_view value, uint8_t& bits) {
  const auto parsed = ParseWindowBits(value);
  bits = parsed.value_or(bits);
  return parsed.has_value();
}

// Reads `name [ "=" value ]` into `offer`. Returns false for what makes a server decline (RFC 7692 7.1).
bool ReadParameter(std::string_view text, Offer& offer) {
  const size_t equals = text.find('=');
  const bool has_value = equals != std::string_view::npos;
  const std::string_view value = has_value ? text.substr(equals + 1) : std::string_view();
  const auto* name = std::find(kParameterNames.begin(), kParameterNames.end(), text.substr(0, equals));
  if (name == kParameterNames.end()) return false;

  const auto parameter = static_cast<Parameter>(name - kParameterNames.begin());
  if (std::exchange(offer.has[parameter], true)) return false;
  switch (parameter) {
    case kServerWindowBits:
      return ReadWindowBits(value, offer.server_window_bits);
    case kClientWindowBits:  // without a value: the client can use any window that it is told
      return !has_value || ReadWindowBits(value, offer.client_window_bits);
    default:
      return !has_value;
  }
}

// An extension of the list; nullopt if it is another one or must be declined.
std::optional<Offer> ParseOffer(std::string_view text) {
  Offer offer;
  std::string_view part;
  bool more = TakePart(text, ';', part);
  if (part != kExtensionName) return std::nullopt;
  while (more) {
    more = TakePart(text, ';', part);
    if (!ReadParameter(part, offer)) return std::nullopt;
  }
  return offer;
}

void AppendParameter(std::string& extension, Parameter parameter) {
  extension.append("; ").append(kParameterNames[parameter]);
}

void AppendParameter(std::string& extension, Parameter parameter, uint8_t bits) {
  AppendParameter(extension, parameter);
  extension.append("=").append(std::to_string(bits));
}

// nullopt: the offer cannot be met.
std::optional<DeflateAgreement> Answer(const Offer& offer, const DeflateSettings& settings) {
  DeflateAgreement agreement;
  agreement.server_takeover = settings.server_takeover && !offer.has[kServerNoTakeover];
  agreement.server_window_bits = std::min(offer.server_window_bits, settings.window_bits);
  if (agreement.server_window_bits < kMinWindowBits) return std::nullopt;
  // A client that does not offer the parameter may not be told a window (RFC 7692 7.1.2.2).
  if (offer.has[kClientWindowBits]) {
    agreement.client_window_bits = std::min(offer.client_window_bits, settings.window_bits);
  }

  agreement.extension = kExtensionName;
  if (!agreement.server_takeover) AppendParameter(agreement.extension, kServerNoTakeover);
  AppendParameter(agreement.extension, kClientNoTakeover);
  if (offer.has[kServerWindowBits] || agreement.server_window_bits < kMaxWindowBits) {
    AppendParameter(agreement.extension, kServerWindowBits, agreement.server_window_bits);
  }
  // A client keeps to the window that it offered itself, told or not.
  if (agreement.client_window_bits < offer.client_window_bits) {
    AppendParameter(agreement.extension, kClientWindowBits, agreement.client_window_bits);
  }
  return agreement;
}

}  // namespace

std::optional<DeflateAgreement> NegotiateDeflate(std::string_view offers, const DeflateSettings& settings) {
  std::string_view text;
  for (bool more = true; more;) {
    more = TakePart(offers, ',', text);
    const auto offer = ParseOffer(text);
    auto agreement = offer ? Answer(*offer, settings) : std::nullopt;
    if (agreement) return agreement;
  }
  return std::nullopt;
}

}  // namespace sheaf::wire
