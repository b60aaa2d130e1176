// Who the client is: what is believed of whom, and what the backend is told (hardening rows 28 and 29).
#include "proxy/http/forwarded_fields.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/http/forwarding.h"

namespace sheaf {
namespace {

using List = std::vector<std::string>;

const ClientInfo kStranger{.host = "203.0.113.9", .tls = false, .trust = Trust::kNone};
const ClientInfo kLocal{.host = "127.0.0.1", .tls = false, .trust = Trust::kByDefault};
const ClientInfo kProxy{.host = "10.0.0.7", .tls = false, .trust = Trust::kNamed};

ForwardingRules Rules(const List& trusted, ForwardedHeader header = ForwardedHeader::kXForwarded) {
  Options options;
  options.proxies_named = !trusted.empty();
  if (options.proxies_named) options.forwarded.trusted_proxies = trusted;
  options.forwarded.header = header;
  return ForwardingRules(options);
}

const ForwardingRules kShipped = Rules({});
const ForwardingRules kNamed = Rules({"10.0.0.0/8", "fd00::/8"});
const ForwardingRules kRfc7239 = Rules({"10.0.0.0/8", "fd00::/8"}, ForwardedHeader::kForwarded);

// A request as the parser gives it; the text outlives it.
struct ParsedRequest {
  explicit ParsedRequest(const std::string& fields)
      : text("GET /path HTTP/1.1\r\nHost: app.example.org\r\n" + fields + "\r\n") {
    REQUIRE_FALSE(wire::ParseRequestHead(text, {}, request).has_value());
  }
  std::string text;
  wire::RequestHead request;
};

// What goes upstream. The text that the fields point into is the caller's.
struct Upstream {
  Upstream(const std::string& fields, const ClientInfo& client, const ForwardingRules& rules)
      : text(BuildUpstreamHead(ParsedRequest(fields).request, client, rules, "/path", "the-id", "fallback")) {
    REQUIRE_FALSE(wire::ParseRequestHead(text, {}, head).has_value());
  }
  List All(std::string_view name) const {
    List values;
    for (const wire::Field& field : head.fields) {
      if (wire::EqualsIgnoreCase(field.name, name)) values.emplace_back(field.value);
    }
    return values;
  }
  std::string text;
  wire::RequestHead head;
};

std::string Original(const std::string& fields, const ClientInfo& client, const ForwardingRules& rules) {
  return OriginalClient(ParsedRequest(fields).request, client, rules);
}

TEST_CASE("what a stranger says about who it is, is removed and replaced") {
  for (const ForwardingRules* rules : {&kShipped, &kNamed}) {
    const Upstream seen(
        "X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
        "X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Server: evil\r\nX-Forwarded-User: evil\r\n"
        "Forwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\nX-Request-ID: evil\r\n",
        kStranger, *rules);
    CHECK(seen.All("X-Forwarded-For") == List{"203.0.113.9"});
    CHECK(seen.All("X-Forwarded-Proto") == List{"http"});
    CHECK(seen.All("X-Forwarded-Host") == List{"app.example.org"});
    CHECK(seen.All("X-Request-ID") == List{"the-id"});
    for (const std::string name : {"X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-User",
                                   "Forwarded", "X-Real-IP"}) {
      CAPTURE(name);
      CHECK(seen.All(name).empty());
    }
  }
}

TEST_CASE("what a trusted proxy says is passed on, its list of clients merged into one line") {
  const Upstream seen(
      "X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-For: \r\nX-Forwarded-For: 3.3.3.3\r\nX-Forwarded-Proto: "
      "https\r\nX-Forwarded-Host: public.example.org\r\nX-Forwarded-Port: 443\r\nX-Forwarded-User: kim\r\n",
      kProxy, kNamed);
  CHECK(seen.All("X-Forwarded-For") == List{"1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.7"});
  CHECK(seen.All("X-Forwarded-Proto") == List{"https"});
  CHECK(seen.All("X-Forwarded-Host") == List{"public.example.org"});
  CHECK(seen.All("X-Forwarded-Port") == List{"443"});
  CHECK(seen.All("X-Forwarded-User") == List{"kim"});
  CHECK(seen.All("X-Real-IP").empty());
}

TEST_CASE("a proxy on this machine is believed about address, scheme and host without being named") {
  const Upstream seen("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\n", kLocal,
                      kShipped);
  CHECK(seen.All("X-Forwarded-For") == List{"1.1.1.1, 127.0.0.1"});
  CHECK(seen.All("X-Forwarded-Proto") == List{"https"});
  CHECK(seen.All("X-Forwarded-Host") == List{"a.example"});
}

TEST_CASE("of several values the last counts, which the nearest proxy wrote") {
  struct Row {
    std::string name;
    std::string fields;
    List expected;
  };
  const Row rows[] = {
      {"X-Forwarded-Proto", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", {"http"}},
      {"X-Forwarded-Proto", "X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n", {"https"}},
      {"X-Forwarded-Proto", "X-Forwarded-Proto: http, https\r\n", {"https"}},
      {"X-Forwarded-Proto", "X-Forwarded-Proto: https,http , \r\nX-Forwarded-Proto: \r\n", {"http"}},
      {"X-Forwarded-Proto", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: gopher\r\n", {"http"}},
      {"X-Forwarded-Host", "X-Forwarded-Host: evil.example\r\nX-Forwarded-Host: a.example\r\n", {"a.example"}},
      {"X-Forwarded-Host", "X-Forwarded-Host: evil.example, a.example:8443\r\n", {"a.example:8443"}},
      {"X-Forwarded-Host", "X-Forwarded-Host: ,\r\n", {"app.example.org"}},
      {"X-Forwarded-Port", "X-Forwarded-Port: 1\r\nX-Forwarded-Port: 2, 443\r\n", {"443"}},
      {"X-Forwarded-Port", "X-Forwarded-Port: ,\r\n", {}},
      {"X-Forwarded-Prefix", "X-Forwarded-Prefix: /evil\r\nX-Forwarded-Prefix: /app\r\n", {"/app"}},
      {"X-Forwarded-Ssl", "X-Forwarded-Ssl: on\r\nX-Forwarded-Ssl: off\r\n", {"off"}},
      {"X-Forwarded-Scheme", "X-Forwarded-Scheme: https, http\r\n", {"http"}},
      {"X-Forwarded-Protocol", "X-Forwarded-Protocol: https, http\r\n", {"http"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    CHECK(Upstream(row.fields, kProxy, kNamed).All(row.name) == row.expected);
  }
}

TEST_CASE("X-Forwarded-Proto is http or https, whatever a proxy in front calls it") {
  struct Row {
    std::string sent;
    bool tls;
    bool trusted;
    std::string expected;
  };
  const Row rows[] = {{"wss", false, true, "https"},   {"ws", true, true, "http"},      {"HTTPS", false, true, "https"},
                      {"gopher", false, true, "http"}, {"gopher", true, true, "https"}, {"https", false, false, "http"},
                      {"http", true, false, "https"}};
  for (const Row& row : rows) {
    CAPTURE(row.sent);
    const ClientInfo client{.host = "10.0.0.7", .tls = row.tls, .trust = row.trusted ? Trust::kNamed : Trust::kNone};
    CHECK(Upstream("X-Forwarded-Proto: " + row.sent + "\r\n", client, kNamed).All("X-Forwarded-Proto") ==
          List{row.expected});
  }
}

TEST_CASE("the client for the log is the last that is no trusted proxy") {
  struct Row {
    std::string fields;
    ClientInfo peer;
    std::string expected;
  };
  const Row rows[] = {
      {"X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n", kProxy, "2.2.2.2"},  // 1.1.1.1 may be made up
      {"X-Forwarded-For: 1.1.1.1, 10.9.9.9\r\n", kProxy, "1.1.1.1"},
      {"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 10.1.1.1\r\n", kProxy, "1.1.1.1"},
      {"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.1.1.1,10.1.1.1\r\n", kProxy, "1.1.1.1"},
      {"X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n", kProxy, "10.0.0.1"},  // nobody but proxies
      {"X-Forwarded-For: 1.1.1.1:5000, 10.0.0.2:80\r\n", kProxy, "1.1.1.1"},
      {"X-Forwarded-For: [2001:db8::1]:80, ::ffff:10.0.0.2\r\n", kProxy, "2001:db8::1"},
      {"X-Forwarded-For: ::ffff:1.1.1.1\r\n", kProxy, "1.1.1.1"},
      {"X-Forwarded-For: 1.1.1.1, ,\r\n", kProxy, "1.1.1.1"},
      {"X-Forwarded-For: 1.1.1.1, unknown, 10.0.0.2\r\n", kProxy, "10.0.0.2"},  // the last who is known
      {"X-Forwarded-For: nonsense\r\n", kProxy, "10.0.0.7"},
      {"X-Forwarded-For: \r\n", kProxy, "10.0.0.7"},
      {"", kProxy, "10.0.0.7"},
      {"X-Forwarded-For: 1.1.1.1\r\n", kStranger, "203.0.113.9"},
      {"X-Real-IP: 1.1.1.1\r\n", kStranger, "203.0.113.9"},
      {"X-Real-IP: 6.6.6.6\r\nX-Real-IP: 1.1.1.1\r\n", kProxy, "1.1.1.1"},
      {"X-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 1.1.1.1\r\n", kProxy, "1.1.1.1"},
      {"Forwarded: for=6.6.6.6\r\n", kProxy, "10.0.0.7"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    CHECK_EQ(Original(row.fields, row.peer, kNamed), row.expected);
  }
}

TEST_CASE("X-Real-IP is the client that the chain says, and goes upstream only if a trusted proxy sends one") {
  const auto real_ip = [](const std::string& fields) { return Upstream(fields, kProxy, kNamed).All("X-Real-IP"); };
  CHECK(real_ip("X-Real-IP: 6.6.6.6\r\nX-Real-IP: 7.7.7.7\r\nX-Forwarded-For: 1.1.1.1, 10.0.0.2\r\n") ==
        List{"1.1.1.1"});
  CHECK(real_ip("X-Real-IP: 1.1.1.1\r\n") == List{"1.1.1.1"});
  CHECK(real_ip("X-Real-IP: nonsense\r\n") == List{"10.0.0.7"});
  CHECK(real_ip("X-Forwarded-For: 1.1.1.1\r\n").empty());
}

TEST_CASE("our fields are sent though the client lists them in Connection") {
  const Upstream seen(
      "Connection: close, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, X-User-ID\r\n"
      "X-Forwarded-Port: 443\r\nX-User-ID: kim\r\n",
      kProxy, kNamed);
  CHECK(seen.All("X-Forwarded-For") == List{"10.0.0.7"});
  CHECK(seen.All("X-Forwarded-Proto") == List{"http"});
  CHECK(seen.All("X-Forwarded-Host") == List{"app.example.org"});
  CHECK(seen.All("X-Forwarded-Port") == List{"443"});
  CHECK(seen.All("X-User-ID") == List{"kim"});
  const Upstream forwarded("Connection: Forwarded\r\nForwarded: for=1.1.1.1\r\n", kProxy, kRfc7239);
  CHECK(forwarded.All("Forwarded") == List{"for=1.1.1.1, for=10.0.0.7;host=app.example.org;proto=http"});
}

TEST_CASE("of the two families the one is written, and the other removed, whoever sends it") {
  const std::string both =
      "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: x.example\r\nX-Forwarded-Port: 443\r\n"
      "X-Forwarded-Ssl: on\r\nX-Real-IP: 1.1.1.1\r\nForwarded: for=2.2.2.2;proto=https\r\n";
  const Upstream x(both, kProxy, kNamed);
  CHECK(x.All("Forwarded").empty());
  CHECK(x.All("X-Forwarded-For") == List{"1.1.1.1, 10.0.0.7"});
  const Upstream rfc(both, kProxy, kRfc7239);
  CHECK(rfc.All("Forwarded") == List{"for=2.2.2.2;proto=https, for=10.0.0.7;host=app.example.org;proto=http"});
  for (const std::string name : {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port",
                                 "X-Forwarded-Ssl", "X-Real-IP"}) {
    CAPTURE(name);
    CHECK(rfc.All(name).empty());
  }
}

TEST_CASE("Forwarded is one line: what trusted proxies say in its order, and an element for this connection") {
  struct Row {
    std::string fields;
    ClientInfo peer;
    std::string expected;
  };
  const ClientInfo v6{.host = "fd00::7", .tls = true, .trust = Trust::kNamed};
  const Row rows[] = {
      {"", kProxy, "for=10.0.0.7;host=app.example.org;proto=http"},
      {"Forwarded: for=6.6.6.6\r\n", kStranger, "for=203.0.113.9;host=app.example.org;proto=http"},
      {"Forwarded: for=\"[2001:db8::1]:80\";proto=https\r\nForwarded: for=_a, for=b\r\n", v6,
       "for=\"[2001:db8::1]:80\";proto=https, for=_a, for=b, for=\"[fd00::7]\";host=app.example.org;proto=https"},
      {"Forwarded: for=\"6.6.6.6\r\nForwarded: for=1.1.1.1\r\nForwarded: ,\r\n", kProxy,
       "for=1.1.1.1, for=10.0.0.7;host=app.example.org;proto=http"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    CHECK(Upstream(row.fields, row.peer, kRfc7239).All("Forwarded") == List{row.expected});
  }
}

TEST_CASE("with Forwarded the client for the log is read from its elements") {
  struct Row {
    std::string fields;
    ClientInfo peer;
    std::string expected;
  };
  const Row rows[] = {
      {"Forwarded: for=6.6.6.6, for=1.1.1.1\r\nForwarded: for=10.0.0.2;by=x\r\n", kProxy, "1.1.1.1"},
      {"Forwarded: for=\"[2001:db8::1]:80\", for=\"10.0.0.2:80\", for=\"[fd00::1]\"\r\n", kProxy, "2001:db8::1"},
      {"Forwarded: for=1.1.1.1, for=unknown\r\n", kProxy, "10.0.0.7"},
      {"Forwarded: for=1.1.1.1, for=_hidden, for=10.0.0.2\r\n", kProxy, "10.0.0.2"},
      {"Forwarded: for=1.1.1.1, proto=https\r\n", kProxy, "10.0.0.7"},
      {"Forwarded: for=\", for=1.1.1.1\r\n", kProxy, "10.0.0.7"},
      {"Forwarded: for=\"\r\nForwarded: for=1.1.1.1\r\n", kProxy, "1.1.1.1"},
      {"Forwarded: for=1.1.1.1\r\n", kStranger, "203.0.113.9"},
      {"X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n", kProxy, "10.0.0.7"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    CHECK_EQ(Original(row.fields, row.peer, kRfc7239), row.expected);
  }
}

TEST_CASE("the user is believed of proxies that were named, and the last line of it goes upstream") {
  const auto user = [](const std::string& fields, const ClientInfo& client, const ForwardingRules& rules) {
    const ParsedRequest parsed(fields);
    return std::string(UserOf(parsed.request, client, rules));
  };
  const std::string twice = "X-User-ID: evil\r\nx-user-id: kim\r\n";
  CHECK_EQ(user(twice, kProxy, kNamed), "kim");
  CHECK_EQ(user(twice, kLocal, kShipped), "");
  CHECK_EQ(user(twice, kStranger, kNamed), "");
  CHECK_EQ(user("X-User-ID: " + std::string(256, 'a') + "\r\n", kProxy, kNamed), std::string(256, 'a'));
  CHECK_EQ(user("X-User-ID: " + std::string(257, 'a') + "\r\n", kProxy, kNamed), "");
  CHECK_EQ(user("", kProxy, kNamed), "");

  CHECK(Upstream(twice, kProxy, kNamed).All("X-User-ID") == List{"kim"});
  CHECK(Upstream(twice, kStranger, kNamed).All("X-User-ID").empty());
  // Where nobody is named, the field is the application's own affair.
  CHECK(Upstream(twice, kLocal, kShipped).All("X-User-ID") == List{"evil", "kim"});
  CHECK(Upstream(twice, kStranger, kShipped).All("X-User-ID") == List{"evil", "kim"});

  Options options;
  options.proxies_named = true;
  options.identity.user_header = "";
  const ForwardingRules nobody(options);
  CHECK_EQ(user(twice, kProxy, nobody), "");
  CHECK(Upstream(twice, kStranger, nobody).All("X-User-ID") == List{"evil", "kim"});
}

TEST_CASE("claims are untrusted where a peer that is not trusted makes some") {
  const auto claims = [](const std::string& fields, const ClientInfo& client, const ForwardingRules& rules) {
    return HasUntrustedClaims(ParsedRequest(fields).request, client, rules);
  };
  for (const std::string field : {"X-Forwarded-Proto: https", "x-forwarded-for: 1.1.1.1", "Forwarded: for=1.1.1.1",
                                  "X-Real-IP: 1.1.1.1", "X-Forwarded-User: kim"}) {
    CAPTURE(field);
    CHECK(claims(field + "\r\n", kStranger, kShipped));
    CHECK_FALSE(claims(field + "\r\n", kLocal, kShipped));
    CHECK_FALSE(claims(field + "\r\n", kProxy, kNamed));
  }
  CHECK_FALSE(claims("X-Request-ID: 1\r\nX-User-ID: kim\r\nAccept: */*\r\n", kStranger, kShipped));
  CHECK(claims("X-User-ID: kim\r\n", kStranger, kNamed));
}

}  // namespace
}  // namespace sheaf
