// Addresses and ranges of them, as the conf file and X-Forwarded-For write them.
#include "proxy/net/address.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

namespace sheaf::net {
namespace {

IpBytes Ip(const std::string& text) {
  const auto ip = ParseIp(text);
  REQUIRE(ip.has_value());
  return *ip;
}

}  // namespace

TEST_CASE("what listens at any address is reached at this machine's own") {
  for (const char* any : {"0.0.0.0:80", "*:80", ":80"}) CHECK(Reachable(any) == "127.0.0.1:80");
  CHECK(Reachable("[::]:80") == "127.0.0.1:80");
  CHECK(Reachable("[::]:80", true) == "[::1]:80");
  CHECK(Reachable("0.0.0.0:80", true) == "127.0.0.1:80");
  CHECK(Reachable("192.0.2.1:80") == "192.0.2.1:80");
  CHECK(Reachable("unix:/a/b") == "unix:/a/b");
}

TEST_CASE("host and port are split, with brackets for IPv6") {
  struct Row {
    std::string text;
    std::string host;
    int port;
  };
  const Row rows[] = {{"127.0.0.1:80", "127.0.0.1", 80},
                      {"name:8000", "name", 8000},
                      {"[::1]:443", "::1", 443},
                      {":8080", "", 8080},
                      {"*:0", "*", 0},
                      {"a:65535", "a", 65535}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parts = SplitHostPort(row.text);
    REQUIRE(parts.has_value());
    CHECK_EQ(parts->host, row.host);
    CHECK_EQ(parts->port, row.port);
  }
}

TEST_CASE("what has no port, or none up to 65535, is not split") {
  for (const std::string text :
       {"", "name", "name:", "name:65536", "name:999999", "name:-1", "name:+1", "name: 1", "name:1 ", "name:0x10",
        "name:1a", "::1", "::1:80", "[::1]", "[::1]80", "[::1:80", "a:b:80"}) {
    CAPTURE(text);
    CHECK_FALSE(SplitHostPort(text).has_value());
  }
}

TEST_CASE("literal addresses resolve to themselves and are written as they were") {
  for (const std::string text : {"127.0.0.1:80", "0.0.0.0:8080", "[::1]:443", "[2001:db8::1]:1"}) {
    CAPTURE(text);
    const Result<Address> address = Address::Resolve(text);
    REQUIRE(address.ok());
    CHECK_EQ(address.value().ToString(), text);
    CHECK_FALSE(address.value().empty());
    CHECK_FALSE(address.value().is_unix());
  }
  CHECK_EQ(Address::Resolve("[2001:db8::1]:9").value().ToHost(), "2001:db8::1");
  CHECK_EQ(Address::Resolve("127.0.0.1:9").value().ToHost(), "127.0.0.1");
  CHECK_EQ(Address::Resolve("127.0.0.1:9").value().port(), 9);
  CHECK_EQ(Address::Resolve("[::1]:9").value().port(), 9);
}

TEST_CASE("localhost is 127.0.0.1 before ::1") {
  const Result<Address> address = Address::Resolve("localhost:80");
  REQUIRE(address.ok());
  CHECK_EQ(address.value().ToString(), "127.0.0.1:80");
}

TEST_CASE("localhost is both loopback addresses, IPv4 in front, whatever the machine's files say") {
  const auto all = Address::ResolveAll("localhost:80");
  REQUIRE(all.ok());
  REQUIRE_EQ(all.value().size(), 2);
  CHECK(all.value().front() == Address::Resolve("127.0.0.1:80").value());
  CHECK(all.value().back() == Address::Resolve("[::1]:80").value());
  CHECK_FALSE(all.value().front() == Address::Resolve("127.0.0.1:81").value());
  CHECK_FALSE(all.value().front() == Address());
  CHECK_EQ(Address::ResolveAll("unix:/tmp/a").value().size(), 1);
  CHECK_FALSE(Address::ResolveAll("unix:").ok());
}

TEST_CASE("an empty host means any when listening") {
  for (const std::string text : {":8080", "*:8080"}) {
    CAPTURE(text);
    const Result<Address> address = Address::Resolve(text, true);
    REQUIRE(address.ok());
    CHECK_EQ(address.value().port(), 8080);
    CHECK_EQ(address.value().ToHost(), "::");
  }
}

TEST_CASE("a Unix socket's address is its path, up to what the kernel takes") {
  const std::string longest = "/" + std::string(106, 'x');
  for (const std::string& path : {std::string("/run/app.sock"), longest}) {
    const Result<Address> address = Address::Resolve("unix:" + path);
    REQUIRE(address.ok());
    CHECK(address.value().is_unix());
    CHECK_EQ(address.value().ToString(), "unix:" + path);
    CHECK_EQ(address.value().ToHost(), "unix:" + path);
    CHECK_EQ(address.value().port(), 0);
    CHECK_FALSE(address.value().ip().has_value());
  }
  CHECK_FALSE(Address::Resolve("unix:" + longest + "x").ok());
  CHECK_FALSE(Address::Resolve("unix:").ok());
}

TEST_CASE("the error of a look-up names what was looked up") {
  const Result<Address> malformed = Address::Resolve("127.0.0.1");
  REQUIRE_FALSE(malformed.ok());
  CHECK(malformed.error().find("'127.0.0.1'") != std::string::npos);
  const Result<Address> unknown = Address::Resolve("does-not-exist.invalid:80");
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().find("'does-not-exist.invalid'") != std::string::npos);
}

TEST_CASE("an address of nothing is empty") {
  const Address address;
  CHECK(address.empty());
  CHECK_EQ(address.ToString(), "");
  CHECK_FALSE(address.ip().has_value());
}

TEST_CASE("IPv4, and IPv4 mapped into IPv6, are the same address") {
  CHECK(Ip("192.0.2.1") == Ip("::ffff:192.0.2.1"));
  CHECK_EQ(IpToString(Ip("::ffff:192.0.2.1")), "192.0.2.1");
  CHECK_EQ(IpToString(Ip("192.0.2.1")), "192.0.2.1");
  CHECK_EQ(IpToString(Ip("2001:DB8:0:0::1")), "2001:db8::1");
  CHECK(Address::Resolve("192.0.2.1:1").value().ip() == Ip("192.0.2.1"));
  CHECK(Address::Resolve("[2001:db8::1]:1").value().ip() == Ip("2001:db8::1"));

  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(80);
  const IpBytes bytes = Ip("192.0.2.1");
  std::memcpy(&mapped.sin6_addr, bytes.data(), bytes.size());
  const Address address(reinterpret_cast<const sockaddr*>(&mapped), sizeof(mapped));
  CHECK(address.ip() == Ip("192.0.2.1"));
  CHECK_EQ(address.ToString(), "192.0.2.1:80");
}

TEST_CASE("local is what can only be this machine") {
  for (const char* text : {"127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "unix:/run/a.sock"}) {
    CAPTURE(text);
    CHECK(Address::Resolve(text).value().is_local());
  }
  for (const char* text : {"10.0.0.1:80", "126.0.0.1:80", "[::2]:80", "[::ffff:10.0.0.1]:80", "[fe80::1]:80"}) {
    CAPTURE(text);
    CHECK_FALSE(Address::Resolve(text).value().is_local());
  }
}

TEST_CASE("only whole addresses are IP literals") {
  for (const std::string text : {"127.0.0.1", "::", "::1", "fe80::1", "::ffff:1.2.3.4"}) {
    CAPTURE(text);
    CHECK(IsIpLiteral(text));
  }
  for (const std::string text : {"", "localhost", "127.0.0", "127.0.0.256", "127.0.0.1:80", "[::1]", "1.2.3.4.5",
                                 "01.2.3.4", "fe80::1%lo", " ::1"}) {
    CAPTURE(text);
    CHECK_FALSE(IsIpLiteral(text));
  }
  CHECK_FALSE(IsIpLiteral(std::string_view("127.0.0.1\0x", 11)));
}

TEST_CASE("a range contains its addresses and no others") {
  struct Row {
    std::string range;
    std::string ip;
    bool contains;
  };
  const Row rows[] = {
      {"10.0.0.0/8", "10.0.0.0", true},
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/8", "9.255.255.255", false},
      {"10.1.2.3/8", "10.9.9.9", true},
      {"172.16.0.0/12", "172.16.0.1", true},
      {"172.16.0.0/12", "172.31.255.255", true},
      {"172.16.0.0/12", "172.32.0.0", false},
      {"192.0.2.128/25", "192.0.2.127", false},
      {"192.0.2.128/25", "192.0.2.128", true},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"192.0.2.1/32", "192.0.2.0", false},
      {"0.0.0.0/0", "255.1.2.3", true},
      {"0.0.0.0/0", "::1", false},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"::ffff:10.0.0.0/104", "10.1.2.3", true},
      {"::ffff:10.0.0.0/104", "11.1.2.3", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "10.0.0.1", true},
      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fc00::1", false},
      {"fe80::/10", "febf::1", true},
      {"fe80::/10", "fec0::1", false},
      {"2001:db8::1", "2001:db8::1", true},
      {"2001:db8::1", "2001:db8::2", false},
      {"2001:db8::/127", "2001:db8::1", true},
      {"2001:db8::/127", "2001:db8::2", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.range);
    CAPTURE(row.ip);
    const auto range = Cidr::Parse(row.range);
    REQUIRE(range.has_value());
    CHECK_EQ(range->Contains(Ip(row.ip)), row.contains);
  }
}

TEST_CASE("what is no range is refused") {
  for (const std::string text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8", "10.0.0.0/8/8", "10.0.0/8",
        "fd00::/129", "fd00::/", "name/8", "10.0.0.0/255.0.0.0", " 10.0.0.0/8"}) {
    CAPTURE(text);
    CHECK_FALSE(Cidr::Parse(text).has_value());
  }
}

}  // namespace sheaf::net
