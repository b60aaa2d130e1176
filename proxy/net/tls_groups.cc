#include "proxy/net/tls_groups.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

namespace sheaf::net {
namespace {

// What OpenSSL 3.5 has by default, the post-quantum one last. An older or a restricted (FIPS) library has fewer of
// them. What 3.0 has besides, ffdhe4096 and larger, is left out.
constexpr std::array<std::string_view, 8> kUsual = {"X25519", "P-256",     "X448",      "P-384",
                                                    "P-521",  "ffdhe2048", "ffdhe3072", "X25519MLKEM768"};

// In OpenSSL's lists other characters than these stand for more than a name.
bool IsName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool Takes(SSL_CTX* context, const std::string& list) {
  const bool taken = SSL_CTX_set1_groups_list(context, list.c_str()) == 1;
  if (!taken) ERR_clear_error();
  return taken;
}

}  // namespace

bool KnowsGroup(const std::string& name) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  return context && IsName(name) && Takes(context.get(), name);
}

void SetServerGroups(SSL_CTX* context, std::span<const std::string> groups) {
  std::vector<std::string> wanted(groups.begin(), groups.end());
  if (wanted.empty()) wanted.assign(kUsual.begin(), kUsual.end());
  std::string list;
  for (const std::string& name : wanted) {
    std::string longer = list;
    if (!list.empty()) longer += ':';
    longer += name;
    if (Takes(context, longer)) list = longer;
  }
  if (!list.empty()) Takes(context, list);
}

}  // namespace sheaf::net
