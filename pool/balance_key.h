// What of a request decides its endpoint where `balance = hash`. A value; pure.
//
//   const Result<BalanceKey> key = BalanceKey::Parse("cookie:session");
//   Pick(Balance::kHash, candidates, turn, HashText(key.value().Of(request, client_address)));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/wire/http1_head.h"

namespace sheaf::pool {

class BalanceKey {
 public:
  // The client's address.
  BalanceKey() = default;

  // "address", "header:NAME", "query:NAME" or "cookie:NAME". The error says what is wrong with the text.
  static Result<BalanceKey> Parse(std::string_view text);

  // The first value that is not empty, of a query's parameter decoded; without one `client_address`.
  std::string Of(const wire::RequestHead& request, std::string_view client_address) const;

 private:
  enum class Source : uint8_t { kAddress, kHeader, kQuery, kCookie };

  BalanceKey(Source source, std::string name) : source_(source), name_(std::move(name)) {}

  Source source_ = Source::kAddress;
  std::string name_;
};

}  // namespace sheaf::pool
