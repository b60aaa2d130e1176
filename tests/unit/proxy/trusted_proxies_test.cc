// Whose word is taken (forwarded.trusted_proxies).
#include "proxy/plan/trusted_proxies.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf {
namespace {

using List = std::vector<std::string>;

net::IpBytes Ip(const std::string& text) {
  const auto ip = net::ParseIp(text);
  REQUIRE_MESSAGE(ip.has_value(), text);
  return *ip;
}

struct Row {
  std::string address;
  bool trusted;
};

void Check(const TrustedProxies& proxies, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.address);
    CHECK_EQ(proxies.Contains(Ip(row.address)), row.trusted);
  }
}

TEST_CASE("by default exactly 127.0.0.1 and ::1 are trusted, and not about identity") {
  const Options options;
  const TrustedProxies proxies(options.forwarded.trusted_proxies, options.proxies_named);
  Check(proxies, {{"127.0.0.1", true},
                  {"::1", true},
                  {"::ffff:127.0.0.1", true},
                  {"127.0.0.2", false},
                  {"127.0.1.1", false},
                  {"10.0.0.1", false},
                  {"::2", false},
                  {"fd00::1", false},
                  {"0.0.0.0", false},
                  {"::", false}});
  CHECK(proxies.TrustOf(Ip("127.0.0.1")) == Trust::kByDefault);
  CHECK(proxies.TrustOf(Ip("::1")) == Trust::kByDefault);
}

TEST_CASE("who is written down is named, 127.0.0.1 too, and nobody else is trusted then") {
  const TrustedProxies proxies(List{"127.0.0.1", "10.0.0.0/8", "fd00::/8", "not a range"});
  CHECK(proxies.TrustOf(Ip("127.0.0.1")) == Trust::kNamed);
  CHECK(proxies.TrustOf(Ip("::ffff:10.1.2.3")) == Trust::kNamed);
  Check(proxies, {{"10.1.2.3", true}, {"fd00::1", true}, {"::1", false}, {"11.0.0.1", false}, {"127.0.0.2", false}});
}

TEST_CASE("the word loopback is 127.0.0.0/8 and ::1") {
  const TrustedProxies proxies(List{"loopback"});
  CHECK(proxies.TrustOf(Ip("127.0.0.1")) == Trust::kNamed);
  Check(proxies, {{"127.0.0.1", true},
                  {"127.255.255.254", true},
                  {"::1", true},
                  {"::ffff:127.0.0.6", true},
                  {"128.0.0.1", false},
                  {"10.0.0.1", false},
                  {"::2", false}});
}

TEST_CASE("the word private_ranges is what Caddy means by it") {
  const TrustedProxies proxies(List{"private_ranges"});
  Check(proxies, {{"10.0.0.1", true},
                  {"10.255.255.255", true},
                  {"172.16.0.1", true},
                  {"172.31.255.255", true},
                  {"192.168.1.1", true},
                  {"127.0.0.1", true},
                  {"::1", true},
                  {"fd12:3456::1", true},
                  {"::ffff:10.0.0.1", true},
                  {"172.15.255.255", false},
                  {"172.32.0.0", false},
                  {"192.169.0.1", false},
                  {"11.0.0.0", false},
                  {"100.64.0.1", false},
                  {"169.254.1.1", false},
                  {"fe80::1", false},
                  {"fc00::1", false},
                  {"203.0.113.1", false},
                  {"2001:db8::1", false}});
}

TEST_CASE("none and an empty list trust nobody") {
  Check(TrustedProxies(List{"none"}), {{"127.0.0.1", false}, {"::1", false}, {"10.0.0.1", false}});
  Check(TrustedProxies(List{}), {{"127.0.0.1", false}, {"::1", false}, {"10.0.0.1", false}});
  Check(TrustedProxies(), {{"127.0.0.1", false}});
}

TEST_CASE("an entry is an address, a network or a word") {
  for (const std::string entry : {"127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8", "loopback", "private_ranges", "none"}) {
    CAPTURE(entry);
    CHECK(ParseTrustedProxy(entry).has_value());
  }
  for (const std::string entry : {"", "all", "Loopback", "private", "localhost", "*", "10.0.0.0/33", "10.0.0.0-8"}) {
    CAPTURE(entry);
    CHECK_FALSE(ParseTrustedProxy(entry).has_value());
  }
}

TEST_CASE("for a private peer there is a line that would trust it beside those that are named") {
  for (const std::string peer :
       {"10.1.2.3", "127.0.0.2", "192.168.0.9", "100.64.1.1", "169.254.0.5", "fe80::1", "fc00::7"}) {
    CAPTURE(peer);
    CHECK_EQ(LineThatTrusts(Ip(peer), {"127.0.0.1", "::1"}, false), "trusted_proxies = ['" + peer + "']");
    CHECK_EQ(LineThatTrusts(Ip(peer), {}, true), "trusted_proxies = ['" + peer + "']");
    CHECK_EQ(LineThatTrusts(Ip(peer), {"172.16.0.0/12", "loopback"}, true),
             "trusted_proxies = ['172.16.0.0/12', 'loopback', '" + peer + "']");
  }
  CHECK_EQ(LineThatTrusts(Ip("::ffff:10.1.2.3"), {}, true), "trusted_proxies = ['10.1.2.3']");
}

TEST_CASE("for a peer on the internet, and where none is written, there is no such line") {
  for (const std::string peer : {"203.0.113.9", "8.8.8.8", "2001:db8::1", "172.32.0.1", "100.128.0.1"}) {
    CAPTURE(peer);
    CHECK_EQ(LineThatTrusts(Ip(peer), {}, true), "");
  }
  CHECK_EQ(LineThatTrusts(Ip("10.1.2.3"), {"none"}, true), "");
}

}  // namespace
}  // namespace sheaf
