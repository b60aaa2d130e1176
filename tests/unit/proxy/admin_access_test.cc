// Who may ask the admin listener: tokens, Hosts and Origins.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/admin/requests.h"
#include "tests/unit/proxy/admin_asking.h"

namespace sheaf {
namespace {

using Fixture = AdminAsking;

TEST_CASE_FIXTURE(Fixture, "Localhost and addresses are served as Host: kubelets and scrapers come with the pod's") {
  for (const std::string host :
       {"localhost", "LocalHost:9901", "127.0.0.1", "10.1.2.3:9901", "[::1]", "[fd00::7]:9901"}) {
    INFO(host);
    CHECK(Ask("GET /livez", "", host).status == 200);
    CHECK(Ask("GET /metrics", "", host).status == 200);
  }
}

const std::vector<std::string> kForeignHosts = {
    "evil.example", "evil.example:9901", "127.0.0.1.evil.example", "localhost.evil.example:9901", "xlocalhost", "1.2.3",
    "0x7f000001",   "sheaf-admin",       "sheaf.default.svc:9901"};

TEST_CASE_FIXTURE(Fixture, "A Host that is a foreign name is refused, so that DNS rebinding leads nowhere") {
  for (const std::string token : {"", "correct-horse"}) {
    options.token = token;
    for (const std::string& host : kForeignHosts) {
      INFO(host);
      const AdminAnswer answer = Ask("GET /metrics", "", host);
      CHECK(answer.status == 403);
      CHECK(answer.foreign_host);
      CHECK(answer.body.find("admin.allowed_hosts") != std::string::npos);
      CHECK(answer.body.find("admin.token") != std::string::npos);
      CHECK(Ask("GET /nothing", "", host).status == 403);
      CHECK(Ask("GET /metrics", "Authorization: Bearer wrong\r\n", host).status == 403);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "The probes tell well or not by whatever name they are asked") {
  options.token = "correct-horse";
  for (const std::string& host : kForeignHosts) {
    for (const std::string& path : kProbes) {
      INFO(host);
      CHECK(Ask("GET " + path, "", host).status == 200);
      CHECK(Ask("GET " + path, "Origin: http://" + host + "\r\n", host).status == 403);
    }
  }
  CHECK_FALSE(Ask("GET /readyz", "", "evil.example").foreign_host);
}

TEST_CASE_FIXTURE(Fixture, "A right token is proof enough, whatever the Host; with an Origin nothing is") {
  options.token = "correct-horse";
  const std::string token = "Authorization: Bearer correct-horse\r\n";
  for (const std::string& host : kForeignHosts) {
    for (const std::string& path : kGuarded) {
      INFO(host);
      CHECK(Ask("GET " + path, token, host).status == 200);
      CHECK(Ask("GET " + path, token + "Origin: http://" + host + "\r\n", host).status == 403);
    }
  }
  options.token = "";
  CHECK(Ask("GET /metrics", "Authorization: Bearer \r\n", "evil.example").status == 403);
}

TEST_CASE_FIXTURE(Fixture, "The names of admin.allowed_hosts are served as Host, and those below a name with a star") {
  options.allowed_hosts = {"sheaf-admin", "*.svc"};
  for (const std::string host : {"sheaf-admin", "Sheaf-Admin:9901", "sheaf-admin.", "sheaf.default.svc", "x.SVC:80"}) {
    INFO(host);
    CHECK(Ask("GET /metrics", "", host).status == 200);
  }
  for (const std::string host :
       {"svc", ".svc", "xsvc", "sheaf.svc.evil.example", "sheaf-admin.evil.example", "sheaf"}) {
    INFO(host);
    CHECK(Ask("GET /metrics", "", host).status == 403);
  }
  options.allowed_hosts = {"*"};
  CHECK(Ask("GET /metrics", "", "whatever.example").status == 200);
  CHECK(Ask("GET /metrics", "Origin: http://a\r\n", "whatever.example").status == 403);
}

TEST_CASE_FIXTURE(Fixture, "Over a Unix socket, where no browser comes from, any Host is served") {
  options.address = "unix:/run/sheaf.sock";
  CHECK(Ask("GET /metrics", "", "whatever").status == 200);
  options.token = "correct-horse";
  CHECK(Ask("GET /metrics", "", "whatever").status == 401);
}

TEST_CASE_FIXTURE(Fixture, "The name in admin.address is served as Host") {
  options.address = "admin.internal:9901";
  CHECK(Ask("GET /metrics", "", "admin.internal:9901").status == 200);
  CHECK(Ask("GET /metrics", "", "Admin.Internal").status == 200);
  CHECK(Ask("GET /metrics", "", "other.internal:9901").status == 403);
}

TEST_CASE_FIXTURE(Fixture, "An absolute target is judged by its own authority") {
  CHECK(AskWith("GET http://evil.example/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 403);
  CHECK(AskWith("GET http://127.0.0.1:9901/metrics HTTP/1.1\r\nHost: 127.0.0.1:9901\r\n\r\n").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "HTTP/1.0 without a Host is served") {
  CHECK(AskWith("GET /livez HTTP/1.0\r\n\r\n").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "Any Origin is refused, even our own and even on probes") {
  for (const std::string origin : {"http://127.0.0.1:9901", "null", "https://evil.example", ""}) {
    INFO(origin);
    CHECK(Ask("GET /metrics", "Origin: " + origin + "\r\n").status == 403);
    CHECK(Ask("GET /livez", "Origin: " + origin + "\r\n").status == 403);
  }
}

TEST_CASE_FIXTURE(Fixture, "With a token, all but the probes ask for it") {
  options.token = "correct-horse";
  for (const std::string& path : kProbes) CHECK(Ask("GET " + path).status == 200);
  for (const std::string& path : kGuarded) {
    const AdminAnswer refused = Ask("GET " + path);
    CHECK(refused.status == 401);
    CHECK(refused.extra_fields == "WWW-Authenticate: Bearer\r\n");
    CHECK(Ask("GET " + path, "Authorization: Bearer correct-horse\r\n").status == 200);
    CHECK(Ask("GET " + path, "Authorization: bearer correct-horse\r\n").status == 200);
  }
}

TEST_CASE_FIXTURE(Fixture, "A wrong token in any form is refused") {
  options.token = "correct-horse";
  for (const std::string value :
       {"Bearer", "Bearer correct-hors", "Bearer correct-horsee", "Bearer correct-horse correct-horse",
        "Bearer Correct-horse", "Basic correct-horse", "correct-horse", "Bearer correct-horsf"}) {
    INFO(value);
    CHECK(Ask("GET /metrics", "Authorization: " + value + "\r\n").status == 401);
  }
  CHECK(Ask("GET /metrics", "Authorization: Bearer correct-horse\r\nAuthorization: Bearer x\r\n").status == 401);
}

TEST_CASE_FIXTURE(Fixture, "Without the token nobody learns which paths and methods there are") {
  options.token = "correct-horse";
  CHECK(Ask("GET /nothing").status == 401);
  CHECK(Ask("POST /metrics").status == 401);
  CHECK(Ask("GET /nothing", "Authorization: Bearer correct-horse\r\n").status == 404);
}

TEST_CASE("Tokens are equal only if every byte is") {
  CHECK(EqualsInConstantTime("abc", "abc"));
  CHECK(EqualsInConstantTime("", ""));
  for (const auto& [given, secret] : std::vector<std::pair<std::string, std::string>>{{"abd", "abc"},
                                                                                      {"xbc", "abc"},
                                                                                      {"ab", "abc"},
                                                                                      {"abca", "abc"},
                                                                                      {"abcabc", "abc"},
                                                                                      {"", "abc"},
                                                                                      {"a", ""},
                                                                                      {std::string(1, '\0'), ""}}) {
    CHECK_FALSE(EqualsInConstantTime(given, secret));
  }
}

}  // namespace
}  // namespace sheaf
