#include <doctest/doctest.h>

#include "proxy/config/values.h"
#include "tests/unit/proxy/config_loading.h"

using namespace std::chrono_literals;

namespace sheaf {
namespace {

TEST_CASE("values of every kind are read") {
  const Options options = Valid(R"(
workers = 3
[listen]
address = "[::1]:8443"
backlog = 7
[upstream]
url = "unix:/run/app.sock"
tls_verify = false
[limits]
max_head = 1000
max_body = "5MiB"
max_message = "64KiB"
[timeouts]
head = "1500ms"
[websocket]
allowed_origins = ["https://example.org", "https://*.example.org"]
[forwarded]
trusted_proxies = ["10.0.0.0/8", "fd00::/8", "192.0.2.1"]
[log]
level = "debug"
format = "json"
access = false
)");
  CHECK(options.workers == 3);
  CHECK(options.listen.address == std::vector<std::string>{"[::1]:8443"});
  CHECK(options.listen.backlog == 7);
  CHECK(options.upstream.url == "unix:/run/app.sock");
  CHECK_FALSE(options.upstream.tls_verify);
  CHECK(options.limits.max_head == 1000);
  CHECK(options.limits.max_body == 5ULL << 20);
  CHECK(options.limits.max_message == 65536);
  CHECK(options.timeouts.head == 1500ms);
  CHECK(options.websocket.allowed_origins.size() == 2);
  CHECK(options.forwarded.trusted_proxies.size() == 3);
  CHECK(options.log.level == LogLevel::kDebug);
  CHECK(options.log.format == LogFormat::kJson);
  CHECK_FALSE(options.log.access);
}

TEST_CASE("texts of environment and command line are taken as they are") {
  const Options options = Valid("", {{"SHEAF_ADMIN_TOKEN=a=b,c \"d\"", "SHEAF_WORKERS=auto", "SHEAF_LISTEN_TLS_KEY="},
                                     {"websocket.allowed_origins=https://a.b,*", "limits.max_head=32KiB"}});
  CHECK(options.admin.token == "a=b,c \"d\"");
  CHECK(options.workers == kAuto);
  CHECK(options.websocket.allowed_origins == std::vector<std::string>{"https://a.b", "*"});
  CHECK(options.limits.max_head == 32768);
}

TEST_CASE("values of a wrong type are told with their place") {
  const ErrorRow rows[] = {
      {"[pool]\nmax_size = \"1\"\n", "a.conf:2:12: pool.max_size must be a number, without quotes, not \"1\""},
      {"[pool]\nmin_size = 1.5\n", "a.conf:2:12: pool.min_size must be a number or \"auto\", not a fraction"},
      {"workers = true\n", "a.conf:1:11: workers must be a number or \"auto\", not true"},
      {"[listen]\naddress = 8080\n",
       "a.conf:2:11: listen.address must be a text in quotes, or a list of them, not 8080"},
      {"[log]\naccess = \"true\"\n", "a.conf:2:10: log.access must be true or false, without quotes, not \"true\""},
      {"[log]\nlevel = 1\n", "a.conf:2:9: log.level must be a text in quotes, not 1"},
      {"[timeouts]\nhead = 10\n",
       "a.conf:2:8: timeouts.head must be a number and a unit in quotes, such as \"50ms\" or \"5s\", not 10"},
      {"[limits]\nmax_head = []\n",
       "a.conf:2:12: limits.max_head must be a number of bytes, or such as \"64KiB\", not a list"},
      {"[forwarded]\ntrusted_proxies = \"10.0.0.1\"\n",
       "a.conf:2:19: forwarded.trusted_proxies must be a list of texts such as [\"a\", \"b\"], not \"10.0.0.1\""},
      {"[forwarded]\ntrusted_proxies = [1]\n",
       "a.conf:2:19: forwarded.trusted_proxies must be a list of texts such as [\"a\", \"b\"], not a list of other "
       "things"},
      {"[[route]]\npath = 1\n",
       "a.conf:2:8: path must be a text that begins with a slash and has no query, such as \"/api\", not 1"},
  };
  for (const ErrorRow& row : rows) CHECK(ErrorOf(row.text) == row.error);
}

TEST_CASE("values out of range are told with their bounds and place") {
  const ErrorRow rows[] = {
      {"workers = 0\n", "a.conf:1:11: workers must be \"auto\" or a number from 1 to 1024, not \"0\""},
      {"workers = \"all\"\n", "a.conf:1:11: workers must be \"auto\" or a number from 1 to 1024, not \"all\""},
      {"[pool]\nmax_size = -1\n", "a.conf:2:12: pool.max_size must be a number from 1 to 1000000, not \"-1\""},
      {"[timeouts]\nhead = \"10\"\n",
       "a.conf:2:8: timeouts.head must be a time from 1ms to 1h, such as \"50ms\", \"5s\", \"10m\" or \"1h\", not "
       "\"10\""},
      {"[timeouts]\nhead = \"2h\"\n",
       "a.conf:2:8: timeouts.head must be a time from 1ms to 1h, such as \"50ms\", \"5s\", \"10m\" or \"1h\", not "
       "\"2h\""},
      {"[limits]\nmax_head = \"5KB\"\n",
       "a.conf:2:12: limits.max_head must be a size from 512 to 1MiB, such as 4096, \"64KiB\" or \"16MiB\", not "
       "\"5KB\""},
      {"[upstream]\nmode = \"muxed\"\n", "a.conf:2:8: upstream.mode must be \"tunnel\" or \"mux\", not \"muxed\""},
      {"[[route]]\npath = \"/\"\nmax_message = 0\n",
       "a.conf:3:15: route.max_message must be a size from 1 to 1GiB, such as 4096, \"64KiB\" or \"16MiB\", not \"0\""},
  };
  for (const ErrorRow& row : rows) CHECK(ErrorOf(row.text) == row.error);
}

TEST_CASE("addresses, URLs, networks, origins and paths must have their form") {
  const ErrorRow rows[] = {
      {"[listen]\naddress = \"8080\"\n", "a.conf:2:11: listen.address must be host:port"},
      {"[listen]\naddress = \"127.0.0.1:0\"\n", "a.conf:2:11: listen.address must be host:port"},
      {"[listen]\naddress = \"::1:80\"\n", "a.conf:2:11: listen.address must be host:port"},
      {"[listen]\naddress = \"a b:80\"\n", "a.conf:2:11: listen.address must be host:port"},
      {"[listen]\naddress = \"unix:relative\"\n", "a.conf:2:11: listen.address must be host:port"},
      {"[listen]\naddress = \"\"\n", "a.conf:2:11: listen.address must be host:port"},
      {"[listen]\naddress = \"unix:/run/a\"\nsocket_mode = \"rw-rw----\"\n",
       "a.conf:3:15: listen.socket_mode must be empty or permissions in octal, such as \"0660\""},
      {"[listen]\nproxy_protocol = \"optional\"\n", "a.conf:2:18: listen.proxy_protocol must be"},
      {"[admin]\naddress = \"localhost\"\n", "a.conf:2:11: admin.address must be host:port"},
      {"[admin]\nallowed_hosts = [\"sheaf:9901\"]\n", "a.conf:2:18: admin.allowed_hosts must hold host names"},
      {"[admin]\nallowed_hosts = [\"*svc\"]\n", "a.conf:2:18: admin.allowed_hosts must hold host names"},
      {"[admin]\nallowed_hosts = [\"a.*\"]\n", "a.conf:2:18: admin.allowed_hosts must hold host names"},
      {"[admin]\nallowed_hosts = [\"\"]\n", "a.conf:2:18: admin.allowed_hosts must hold host names"},
      {"[upstream]\nurl = \"ws://a\"\n", "a.conf:2:7: upstream.url must be http://host:port"},
      {"[upstream]\nurl = \"http://a/path\"\n", "a.conf:2:7: upstream.url must be http://host:port"},
      {"[upstream]\nurl = \"http://a\\nb\"\n", "a.conf:2:7: upstream.url must be http://host:port"},
      {"[upstream]\ntls_server_name = \"a/b\"\n", "a.conf:2:19: upstream.tls_server_name must be empty or a host name"},
      {"[memory]\nwebhook = \"memory\"\n", "a.conf:2:11: memory.webhook must be empty or a plain path such as"},
      {"[memory]\nwebhook = \"/\"\n", "a.conf:2:11: memory.webhook must be empty or a plain path such as"},
      {"[memory]\nwebhook = \"/a/../b\"\n", "a.conf:2:11: memory.webhook must be empty or a plain path such as"},
      {"[memory]\nwebhook = \"/a?b\"\n", "a.conf:2:11: memory.webhook must be empty or a plain path such as"},
      {"[pool]\nhealth_check_path = \"health\"\n", "a.conf:2:21: pool.health_check_path must be empty or a path"},
      {"[pool]\nhealth_check_path = \"/a\\r\\nX: y\"\n", "a.conf:2:21: pool.health_check_path must be empty or a path"},
      {"[forwarded]\ntrusted_proxies = [\"10.0.0.0/8\",\n  \"10.0.0.0/33\"]\n",
       "a.conf:3:3: forwarded.trusted_proxies must hold IP addresses, networks such as"},
      {"[forwarded]\ntrusted_proxies = [\"private\"]\n",
       "a.conf:2:20: forwarded.trusted_proxies must hold IP addresses, networks such as"},
      {"[identity]\nuser_header = \"X_User\"\n",
       "a.conf:2:15: identity.user_header must be empty or the name of a field"},
      {"[identity]\nuser_header = \"X-User:\"\n",
       "a.conf:2:15: identity.user_header must be empty or the name of a field"},
      {"[websocket]\nallowed_origins = [\"example.org\"]\n",
       "a.conf:2:20: websocket.allowed_origins must hold origins"},
      {"[websocket]\nallowed_origins = [\"https://example.org/\"]\n",
       "a.conf:2:20: websocket.allowed_origins must hold origins"},
      {"[[route]]\npath = \"/\"\nallowed_origins = [\"x\"]\n", "a.conf:3:20: route.allowed_origins must hold origins"},
      {"[[route]]\npath = \"api\"\n", "a.conf:2:8: path must be a text that begins with a slash"},
      {"[[route]]\npath = \"/api?x\"\n", "a.conf:2:8: path must be a text that begins with a slash"},
  };
  for (const ErrorRow& row : rows) {
    const std::string error = ErrorOf(row.text);
    CAPTURE(error);
    CHECK(error.starts_with(row.error));
    CHECK(error.find('\n') == std::string::npos);
  }
}

TEST_CASE("forms that are right are accepted") {
  for (const char* address : {"127.0.0.1:80", "[::]:80", ":80", "*:80", "localhost:65535"}) {
    CAPTURE(address);
    CHECK(Valid("", {{}, {std::string("listen.address=") + address}}).listeners.front().address == address);
  }
  for (const char* url : {"http://a", "https://a.example:8443", "http://[::1]:80", "unix:/run/a.sock"}) {
    CAPTURE(url);
    CHECK(Valid("", {{}, {std::string("upstream.url=") + url}}).upstream.url == url);
  }
  CHECK(Valid("", {{}, {"admin.address="}}).admin.address.empty());
  CHECK(Valid("", {{}, {"admin.allowed_hosts=sheaf-admin, *.svc, *, 10.0.0.1"}}).admin.allowed_hosts.size() == 4);
}

TEST_CASE("environment, command line and file take a value as it is meant, all alike") {
  const auto check = [](const Options& options) {
    CHECK(options.log.level == LogLevel::kWarning);
    CHECK(options.memory.limit == 256ULL << 20);
  };
  const std::vector<std::string> environment = {"SHEAF_LOG_LEVEL=WARN", "SHEAF_MEMORY_LIMIT=256Mi",
                                                "SHEAF_LOG_ACCESS=False",
                                                "SHEAF_FORWARDED_TRUSTED_PROXIES=::1, 10.0.0.1"};
  const std::vector<std::string> settings = {"log.level=WARN", "memory.limit=256Mi", "log.access=False",
                                             "forwarded.trusted_proxies=::1, 10.0.0.1"};
  for (const Extra& extra : {Extra{environment, {}}, Extra{{}, settings}}) {
    const Options options = Valid("", extra);
    check(options);
    CHECK_FALSE(options.log.access);
    CHECK(options.forwarded.trusted_proxies == std::vector<std::string>{"::1", "10.0.0.1"});
  }
  check(Valid("[log]\nlevel = \"Warn\"\n[memory]\nlimit = \"256Mi\"\n"));
}

}  // namespace
}  // namespace sheaf
