// The field Forwarded (RFC 7239), and addresses with ports and brackets.
#include "proxy/wire/forwarded.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf::wire {
namespace {

using List = std::vector<std::string>;

TEST_CASE("each element names one client, in order") {
  struct Row {
    std::string value;
    List clients;
  };
  const Row rows[] = {
      // RFC 7239, section 4
      {"for=\"_gazonk\"", {"_gazonk"}},
      {"For=\"[2001:db8:cafe::17]:4711\"", {"[2001:db8:cafe::17]:4711"}},
      {"for=192.0.2.60;proto=http;by=203.0.113.43", {"192.0.2.60"}},
      {"for=192.0.2.43, for=198.51.100.17", {"192.0.2.43", "198.51.100.17"}},
      {"for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", {"192.0.2.43", "[2001:db8:cafe::17]", "unknown"}},
      {"for=_hidden, for=_SEVKISEK", {"_hidden", "_SEVKISEK"}},
      {"proto=https;for=1.1.1.1", {"1.1.1.1"}},
      {"proto=https;host=a.example", {""}},
      {"proto=https, for=1.1.1.1", {"", "1.1.1.1"}},
      // what separates may stand in quotes
      {"for=\"a,b;c\";host=\"x, for=6.6.6.6\", for=1.1.1.1", {"a,b;c", "1.1.1.1"}},
      {"for=\"a\\\"b\\\\c\"", {"a\"b\\c"}},
      {"for=\"\"", {""}},
      // empty members, white space, and what should stand in quotes
      {"", {}},
      {" , ;, for=1.1.1.1 ; ;\tproto=http ,, ", {"1.1.1.1"}},
      {"for=1.1.1.1:80", {"1.1.1.1:80"}},
      {"for=[::1]:80;by=x", {"[::1]:80"}},
      {"ext=1;for=1.1.1.1;secret=\"=,;\"", {"1.1.1.1"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    const auto clients = ParseForwarded(row.value);
    REQUIRE(clients.has_value());
    CHECK(*clients == row.clients);
  }
}

TEST_CASE("a malformed line is not believed at all") {
  for (const std::string value :
       {"1.1.1.1", "for", "for=", "=1.1.1.1", "for=1.1.1.1 by=x", "for =1.1.1.1", "for= 1.1.1.1", "for=\"1.1.1.1",
        "for=\"1.1.1.1\\", "for=\"1.1.1.1\"x", "for=a\"b\"", "for=1.1.1.1;for=2.2.2.2", "for=1.1.1.1, x", "f r=1",
        "for=a\\b", "for=\", for=1.1.1.1"}) {
    CAPTURE(value);
    CHECK_FALSE(ParseForwarded(value).has_value());
  }
}

TEST_CASE("a node's address is what is left without brackets and port") {
  struct Row {
    std::string node;
    std::string address;
  };
  const Row rows[] = {{"192.0.2.1", "192.0.2.1"}, {"192.0.2.1:80", "192.0.2.1"},  {"[2001:db8::1]", "2001:db8::1"},
                      {"[::1]:80", "::1"},        {"2001:db8::1", "2001:db8::1"}, {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
                      {"unknown", "unknown"},     {"_hidden", "_hidden"},         {"", ""},
                      {"[::1", "[::1"},           {"unknown:80", "unknown"}};
  for (const Row& row : rows) {
    CAPTURE(row.node);
    CHECK_EQ(NodeAddress(row.node), row.address);
  }
}

TEST_CASE("what is written can be read again") {
  CHECK_EQ(ForwardedValue("192.0.2.1"), "192.0.2.1");
  CHECK_EQ(ForwardedValue("[::1]"), "\"[::1]\"");
  CHECK_EQ(ForwardedValue("a.example:80"), "\"a.example:80\"");
  CHECK_EQ(ForwardedValue(""), "\"\"");
  for (const std::string text : {"a", "a b", "\"", "\\", "a\\\"b", ",;=", "[2001:db8::1]:80"}) {
    CAPTURE(text);
    const auto clients = ParseForwarded("host=x;for=" + ForwardedValue(text) + ", for=z");
    REQUIRE(clients.has_value());
    CHECK(*clients == List{text, "z"});
  }
}

}  // namespace
}  // namespace sheaf::wire
