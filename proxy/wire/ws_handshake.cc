#include "proxy/wire/ws_handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <span>

#include "proxy/base/random.h"
#include "proxy/wire/http1_fields.h"
#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

// 16 bytes in base64 (RFC 6455 4.2.1). The four bits that the last digit has too many are not looked at: the key is
// never decoded, only hashed as it stands.
bool IsWebSocketKey(std::string_view key) {
  constexpr size_t kDigits = 22;
  return key.size() == kDigits + 2 && key.ends_with("==") &&
         std::all_of(key.begin(), key.begin() + kDigits, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '/';
         });
}

std::string Base64(std::span<const uint8_t> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

// The only value of a field that must stand exactly once.
std::optional<std::string_view> FindOnly(const std::vector<Field>& fields, std::string_view name) {
  if (CountFields(fields, name) != 1) return std::nullopt;
  return FindField(fields, name);
}

// Subprotocols are compared as they are (RFC 6455 4.1): they are the application's words.
bool IsOffered(std::string_view protocol, std::string_view offered) {
  while (!offered.empty()) {
    if (TakeListMember(offered) == protocol) return !protocol.empty();
  }
  return false;
}

bool MatchesOrigin(std::string_view origin, std::string_view pattern) {
  if (pattern == "*") return true;
  const size_t star = pattern.find("://*.");
  if (star == std::string_view::npos) return EqualsIgnoreCase(origin, pattern);

  const std::string_view scheme = pattern.substr(0, star + 3);
  const std::string_view domain = pattern.substr(star + 4);  // with its dot, so that "evilexample.org" is no match
  if (origin.size() <= scheme.size() + domain.size()) return false;
  const std::string_view labels = origin.substr(scheme.size(), origin.size() - scheme.size() - domain.size());
  return EqualsIgnoreCase(origin.substr(0, scheme.size()), scheme) &&
         EqualsIgnoreCase(origin.substr(scheme.size() + labels.size()), domain) &&
         labels.find_first_of("/:@?#[]\\") == std::string_view::npos;
}

}  // namespace

std::string NewWebSocketKey() {
  std::array<uint8_t, 16> key;
  FillRandom(key);
  return Base64(key);
}

std::string WebSocketAccept(std::string_view key) {
  std::string text(key);
  text.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");  // RFC 6455 1.3
  std::array<uint8_t, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return Base64(digest);
}

std::optional<RefuseReason> CheckUpgradeRequest(const RequestHead& request) {
  if (request.method != "GET" || !request.wants_websocket ||
      !FieldsListToken(request.fields, "Connection", "upgrade")) {
    return RefuseReason::kBadUpgrade;
  }
  const auto version = FindOnly(request.fields, "Sec-WebSocket-Version");
  // Which key another version has is that version's affair (RFC 6455 4.4).
  if (version && *version != "13") return RefuseReason::kBadWebSocketVersion;
  const auto key = FindOnly(request.fields, "Sec-WebSocket-Key");
  if (!key || !IsWebSocketKey(*key)) return RefuseReason::kBadUpgrade;
  if (!version) return RefuseReason::kBadWebSocketVersion;
  if (request.body != BodyKind::kNone) return RefuseReason::kUpgradeWithBody;
  return std::nullopt;
}

bool OriginAllowed(std::optional<std::string_view> origin, const std::vector<std::string>& allowed) {
  if (allowed.empty() || !origin) return true;
  return std::any_of(allowed.begin(), allowed.end(),
                     [&origin](const std::string& pattern) { return MatchesOrigin(*origin, pattern); });
}

ResponseFault CheckUpgradeResponse(const ResponseHead& response, std::string_view expected_accept,
                                   std::string_view offered_protocols) {
  const auto seen = [&response](std::string_view name) { return FindField(response.fields, name).value_or(""); };
  if (response.status != 101 || response.minor_version < 1) return {"not_http11_101", ""};
  const auto upgrade = FindOnly(response.fields, "Upgrade");
  if (!upgrade || !EqualsIgnoreCase(*upgrade, "websocket")) return {"bad_upgrade_field", seen("Upgrade")};
  if (!FieldsListToken(response.fields, "Connection", "upgrade")) return {"bad_connection_field", seen("Connection")};
  if (FindOnly(response.fields, "Sec-WebSocket-Accept") != expected_accept) {
    return {"wrong_accept", seen("Sec-WebSocket-Accept")};
  }
  if (const auto chosen = FindField(response.fields, "Sec-WebSocket-Extensions")) {
    return {"unoffered_extension", *chosen};
  }
  if (FindField(response.fields, "Sec-WebSocket-Protocol")) {
    const auto chosen = FindOnly(response.fields, "Sec-WebSocket-Protocol");
    if (!chosen || !IsOffered(*chosen, offered_protocols)) {
      return {"unoffered_subprotocol", seen("Sec-WebSocket-Protocol")};
    }
  }
  return {};
}

}  // namespace sheaf::wire
