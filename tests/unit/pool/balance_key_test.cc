#include "pool/balance_key.h"

#include <doctest/doctest.h>

#include <string>

namespace sheaf::pool {
namespace {

std::string KeyOf(std::string_view key, const wire::RequestHead& request) {
  return BalanceKey::Parse(key).value().Of(request, "192.0.2.1");
}

}  // namespace

TEST_CASE("a key names the address, or a field, parameter or cookie of the request") {
  wire::RequestHead request;
  request.target = "/chat?room=a%20b&empty=";
  request.fields = {{"X-User", ""}, {"x-user", "u1"}, {"X-User", "u2"}, {"Cookie", "session=s1; room=cookie"}};
  CHECK_EQ(KeyOf("address", request), "192.0.2.1");
  CHECK_EQ(KeyOf("header:X-User", request), "u1");
  CHECK_EQ(KeyOf("query:room", request), "a b");
  CHECK_EQ(KeyOf("cookie:session", request), "s1");
  CHECK_EQ(KeyOf("cookie:room", request), "cookie");
  CHECK_EQ(BalanceKey().Of(request, "2001:db8::1"), "2001:db8::1");
}

TEST_CASE("a request without it goes by the client's address") {
  wire::RequestHead request;
  request.target = "/chat?empty=";
  request.fields = {{"X-Empty", ""}, {"Cookie", "empty="}};
  for (const char* key :
       {"header:X-User", "header:X-Empty", "query:room", "query:empty", "cookie:session", "cookie:empty"}) {
    CAPTURE(key);
    CHECK_EQ(KeyOf(key, request), "192.0.2.1");
  }
}

TEST_CASE("a key that names nothing is refused") {
  for (const std::string text : {"", "adress", "address:x", "header", "header:", "header:a b", "header:a:b", "query",
                                 "query:", "cookie:", "cookie:a=b", "Header:X", "path:a"}) {
    CAPTURE(text);
    const Result<BalanceKey> key = BalanceKey::Parse(text);
    REQUIRE_FALSE(key.ok());
    CHECK(key.error().find("'" + text + "'") != std::string::npos);
  }
}

}  // namespace sheaf::pool
