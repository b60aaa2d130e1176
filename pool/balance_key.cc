#include "pool/balance_key.h"

#include <algorithm>

#include "proxy/wire/cookies.h"
#include "proxy/wire/http1_syntax.h"
#include "proxy/wire/query.h"

namespace sheaf::pool {
namespace {

std::string_view HeaderOf(const wire::RequestHead& request, std::string_view name) {
  for (const wire::Field& field : request.fields) {
    if (!field.value.empty() && EqualsIgnoreCase(field.name, name)) return field.value;
  }
  return {};
}

}  // namespace

Result<BalanceKey> BalanceKey::Parse(std::string_view text) {
  if (text == "address") return BalanceKey();
  const std::string_view kind = text.substr(0, text.find(':'));
  const std::string_view name = text.substr(std::min(kind.size() + 1, text.size()));
  const std::string shown = "'" + std::string(text) + "'";
  if (kind == "query" && !name.empty()) return BalanceKey(Source::kQuery, std::string(name));
  if (kind == "query" || kind == "header" || kind == "cookie") {
    if (!wire::IsToken(name)) return Error{shown + " has no valid name behind '" + std::string(kind) + ":'"};
    return BalanceKey(kind == "header" ? Source::kHeader : Source::kCookie, std::string(name));
  }
  return Error{shown + " is none of address, header:NAME, query:NAME and cookie:NAME"};
}

std::string BalanceKey::Of(const wire::RequestHead& request, std::string_view client_address) const {
  std::string value;
  switch (source_) {
    case Source::kAddress:
      break;
    case Source::kHeader:
      value = HeaderOf(request, name_);
      break;
    case Source::kQuery:
      value = wire::FindParameter(request.target, name_).value_or("");
      break;
    case Source::kCookie:
      value = wire::FindCookie(request, name_).value_or("");
      break;
  }
  return value.empty() ? std::string(client_address) : value;
}

}  // namespace sheaf::pool
