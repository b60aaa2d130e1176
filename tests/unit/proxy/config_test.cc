#include "proxy/config.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "proxy/config_docs.h"
#include "tests/fakes/log_recorder.h"
#include "tests/unit/proxy/test_certificate.h"

using namespace std::chrono_literals;

namespace sheaf {
namespace {

struct Extra {
  std::vector<std::string> environment;
  std::vector<std::string> settings;
};

Result<Configuration> Load(const std::string& text, const Extra& extra = {}) {
  return LoadConfiguration({"a.conf", text, extra.environment, extra.settings});
}

Options Valid(const std::string& text, const Extra& extra = {}) {
  Result<Configuration> configuration = Load(text, extra);
  const std::string error = configuration.ok() ? "" : configuration.error();
  REQUIRE(error == "");
  return configuration.value().options;
}

std::string ErrorOf(const std::string& text, const Extra& extra = {}) {
  const Result<Configuration> configuration = Load(text, extra);
  return configuration.ok() ? "valid" : configuration.error();
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sheaf-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

TEST_CASE("an empty file gives the defaults and a route for everything") {
  const Options options = Valid("");
  CHECK(options.listen.address == ":8080");
  CHECK(options.pool.min_size == kAuto);
  REQUIRE(options.routes.size() == 1);
  CHECK(options.routes[0].path == "/");
  CHECK(options.routes[0].response_timeout == 60s);
}

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
  CHECK(options.listen.address == "[::1]:8443");
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

TEST_CASE("the command line goes before the environment, that before the file, that before the default") {
  const std::string file = "[pool]\nmin_size = 2\nmax_size = 20\nmax_waiting = 200\n";
  const Options options = Valid(file, {{"SHEAF_POOL_MIN_SIZE=3", "SHEAF_POOL_MAX_SIZE=30"}, {"pool.min_size=4"}});
  CHECK(options.pool.min_size == 4);
  CHECK(options.pool.max_size == 30);
  CHECK(options.pool.max_waiting == 200);
  CHECK(options.pool.stale_timeout == 300s);
}

TEST_CASE("of one option set twice on the command line the last holds") {
  CHECK(Valid("", {{}, {"pool.min_size=4", "pool.min_size=5"}}).pool.min_size == 5);
}

TEST_CASE("texts of environment and command line are taken as they are") {
  const Options options = Valid("", {{"SHEAF_ADMIN_TOKEN=a=b,c \"d\"", "SHEAF_WORKERS=auto", "SHEAF_LISTEN_TLS_KEY="},
                                     {"websocket.allowed_origins=https://a.b,*", "limits.max_head=32KiB"}});
  CHECK(options.admin.token == "a=b,c \"d\"");
  CHECK(options.workers == kAuto);
  CHECK(options.websocket.allowed_origins == std::vector<std::string>{"https://a.b", "*"});
  CHECK(options.limits.max_head == 32768);
}

TEST_CASE("a route inherits what it does not set, from whichever source") {
  const Options options = Valid("[limits]\nmax_body = 5\n[[route]]\npath = \"/a\"\nmax_message = \"1KiB\"\n",
                                {{"SHEAF_TIMEOUTS_RESPONSE=9s"}, {}});
  REQUIRE(options.routes.size() == 2);
  CHECK(options.routes[0].path == "/a");
  CHECK(options.routes[0].max_message == 1024);
  CHECK(options.routes[0].max_body == 5);
  CHECK(options.routes[0].response_timeout == 9s);
  CHECK(options.routes[1].path == "/");
  CHECK(options.routes[1].max_message == 16ULL << 20);
}

TEST_CASE("a route for / takes the place of the one that is made") {
  const Options options = Valid("[[route]]\npath = \"/\"\nmax_body = 1\n");
  REQUIRE(options.routes.size() == 1);
  CHECK(options.routes[0].max_body == 1);
}

TEST_CASE("wrong syntax is told with its place") {
  CHECK(ErrorOf("workers = \n").starts_with("a.conf:1:11: "));
  CHECK(ErrorOf("[pool]\nmin_size = 1\nmin_size = 2\n").starts_with("a.conf:3:"));
  CHECK(ErrorOf("[pool]\n[log]\n[pool]\n").starts_with("a.conf:3:1: "));
  CHECK(ErrorOf("[pool\n").starts_with("a.conf:1:"));
}

struct ErrorRow {
  const char* text;
  const char* error;
};

TEST_CASE("unknown names are told with the nearest right one") {
  const ErrorRow rows[] = {
      {"worker = 1\n", "a.conf:1:1: unknown key \"worker\" at the top of the file; did you mean \"workers\"?"},
      {"\n[pool]\n  min_sise = 1\n", "a.conf:3:3: unknown key \"min_sise\" in [pool]; did you mean \"min_size\"?"},
      {"[pool]\nimn_size = 1\n", "a.conf:2:1: unknown key \"imn_size\" in [pool]; did you mean \"min_size\"?"},
      {"[pool]\nbacklog = 1\n", "a.conf:2:1: unknown key \"backlog\" in [pool]; did you mean \"listen.backlog\"?"},
      {"min_size = 1\n",
       "a.conf:1:1: unknown key \"min_size\" at the top of the file; did you mean \"pool.min_size\"?"},
      {"[pool]\nsomething_else = 1\n",
       "a.conf:2:1: unknown key \"something_else\" in [pool]; --print-default-config shows all there are"},
      {"[pol]\n", "a.conf:1:2: unknown section [pol]; did you mean [pool]?"},
      {"pol.min_size = 1\n", "a.conf:1:1: unknown section [pol]; did you mean [pool]?"},
      {"[[routes]]\npath = \"/\"\n", "a.conf:1:1: unknown section [routes]; did you mean [[route]]?"},
      {"[webhooks]\n", "a.conf:1:2: unknown section [webhooks]; --print-default-config shows all there are"},
      {"[[route]]\npath = \"/\"\nmaxbody = 1\n",
       "a.conf:3:1: unknown key \"maxbody\" in [[route]]; did you mean \"max_body\"?"},
  };
  for (const ErrorRow& row : rows) CHECK(ErrorOf(row.text) == row.error);
}

TEST_CASE("sections, routes and keys are not taken for one another") {
  const ErrorRow rows[] = {
      {"pool = 1\n", "a.conf:1:1: \"pool\" is a section: write [pool]"},
      {"route = 1\n", "a.conf:1:1: \"route\" is a section: write [[route]]"},
      {"[[pool]]\n", "a.conf:1:1: [[pool]] is no list: write [pool]"},
      {"[route]\npath = \"/\"\n", "a.conf:1:2: a route is written [[route]], in double brackets"},
      {"[pool.max_size]\n", "a.conf:1:1: pool.max_size must be a number, without quotes, not a section"},
  };
  for (const ErrorRow& row : rows) CHECK(ErrorOf(row.text) == row.error);
}

TEST_CASE("values of a wrong type are told with their place") {
  const ErrorRow rows[] = {
      {"[pool]\nmax_size = \"1\"\n", "a.conf:2:12: pool.max_size must be a number, without quotes, not \"1\""},
      {"[pool]\nmin_size = 1.5\n", "a.conf:2:12: pool.min_size must be a number or \"auto\", not a fraction"},
      {"workers = true\n", "a.conf:1:11: workers must be a number or \"auto\", not true"},
      {"[listen]\naddress = 8080\n", "a.conf:2:11: listen.address must be a text in quotes, not 8080"},
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
      {"[upstream]\nmode = \"mux\"\n", "a.conf:2:8: upstream.mode must be \"tunnel\", not \"mux\""},
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
    CHECK(Valid("", {{}, {std::string("listen.address=") + address}}).listen.address == address);
  }
  for (const char* url : {"http://a", "https://a.example:8443", "http://[::1]:80", "unix:/run/a.sock"}) {
    CAPTURE(url);
    CHECK(Valid("", {{}, {std::string("upstream.url=") + url}}).upstream.url == url);
  }
  CHECK(Valid("", {{}, {"admin.address="}}).admin.address.empty());
  CHECK(Valid("", {{}, {"admin.allowed_hosts=sheaf-admin, *.svc, *, 10.0.0.1"}}).admin.allowed_hosts.size() == 4);
}

TEST_CASE("a route without a path, and two for one path, are errors") {
  CHECK(ErrorOf("[[route]]\nmax_body = 1\n") == "a.conf:1:1: a [[route]] must have a path, such as path = \"/api\"");
  CHECK(ErrorOf("[[route]]\npath = \"/api\"\n[[route]]\npath = \"/x/../api/\"\n") ==
        "a.conf:4:8: path \"/x/../api/\" has a [[route]] already, on line 2: keep one of them");
  CHECK(Valid("[[route]]\npath = \"/api\"\n[[route]]\npath = \"/api/v2\"\n").routes.size() == 3);
}

TEST_CASE("options that contradict each other are errors where the later one was set") {
  const ErrorRow rows[] = {
      {"[pool]\nmin_size = 9\nmax_size = 8\n",
       "a.conf:3:12: pool.min_size (9) must be at most pool.max_size (8): change one of them"},
      {"[pool]\nbackoff_min = \"11s\"\n",
       "a.conf:2:15: pool.backoff_min (\"11s\") must be at most pool.backoff_max (\"1s\"): change one of them"},
      {"[limits]\nbuffer_low = \"256KiB\"\n",
       "a.conf:2:14: limits.buffer_low (\"256KiB\") must be below limits.buffer_high (\"256KiB\"): change one of them"},
      {"[batching]\nmax_bytes = \"1MiB\"\n",
       "a.conf:2:13: batching.max_bytes (\"1MiB\") must be at most limits.buffer_high (\"256KiB\"): change one of "
       "them"},
      {"[memory]\nmoderate_percent = 75\n",
       "a.conf:2:20: the memory levels begin at 75 (moderate), 72 (high) and 80 (critical) percent, which must rise: "
       "set "
       "all three, or leave them to max_percent"},
      {"[memory]\nmax_percent = 50\nhigh_percent = 60\n",
       "a.conf:3:16: the memory levels begin at 37.5 (moderate), 60 (high) and 50 (critical) percent, which must rise: "
       "set all three, or leave them to max_percent"},
      {"[listen]\nproxy_protocol = \"on\"\n",
       "a.conf:2:18: listen.proxy_protocol is on, but forwarded.trusted_proxies names nobody whose PROXY header is "
       "believed: name the addresses of the load balancer"},
      {"[listen]\nsocket_mode = \"0660\"\n",
       "a.conf:2:15: listen.socket_mode is for a Unix socket, and listen.address is none: remove it, or listen on "
       "unix:/path"},
      {"[admin]\naddress = \":8080\"\n",
       "a.conf:2:11: listen.address and admin.address are one port of one address: give one of them another port"},
  };
  for (const ErrorRow& row : rows) CHECK(ErrorOf(row.text) == row.error);
  CHECK(ErrorOf("[pool]\nmin_size = 9\n", {{"SHEAF_POOL_MAX_SIZE=8"}, {}})
            .starts_with("environment variable SHEAF_POOL_MAX_SIZE: pool.min_size (9) must be"));
  CHECK(ErrorOf("[pool]\nmin_size = 9\n", {{"SHEAF_POOL_MAX_SIZE=8"}, {"pool.min_size=10"}})
            .starts_with("--set pool.min_size: pool.min_size (10) must be"));
  CHECK(Valid("[pool]\nmin_size = 8\nmax_size = 8\n").pool.min_size == 8);
  CHECK(Valid("[limits]\nbuffer_low = 262143\n").limits.buffer_low == 262143);
  CHECK(Valid("[memory]\nmoderate_percent = 72\nhigh_percent = 80\ncritical_percent = 90\n").memory.high_percent == 80);
}

TEST_CASE("nobody and somebody cannot both be trusted") {
  CHECK(ErrorOf("[forwarded]\ntrusted_proxies = [\"none\", \"10.0.0.1\"]\n") ==
        "a.conf:2:19: forwarded.trusted_proxies has \"none\" beside proxies: remove the one or the others");
  CHECK(Valid("[forwarded]\ntrusted_proxies = [\"none\"]\n").forwarded.trusted_proxies.size() == 1);
}

TEST_CASE("a contradiction is not told of a value that is itself faulty") {
  CHECK(ErrorOf("[pool]\nmin_size = 20000\nmax_size = \"many\"\n") ==
        "a.conf:3:12: pool.max_size must be a number, without quotes, not \"many\"");
}

TEST_CASE("faulty environment variables are errors, foreign ones are not") {
  CHECK(ErrorOf("", {{"SHEAF_POOL_MIN_SIZE=x"}, {}}) ==
        "environment variable SHEAF_POOL_MIN_SIZE: pool.min_size must be \"auto\" or a number from 0 to 1000000, not "
        "\"x\"");
  CHECK(ErrorOf("", {{"SHEAF_POOL_MIN_SISE=1"}, {}}) ==
        "environment variable SHEAF_POOL_MIN_SISE: no option has this name; did you mean SHEAF_POOL_MIN_SIZE?");
  CHECK(ErrorOf("", {{"SHEAF_POL_MIN_SIZE=1"}, {}}) ==
        "environment variable SHEAF_POL_MIN_SIZE: no option has this name; did you mean SHEAF_POOL_MIN_SIZE?");
  CHECK(ErrorOf("", {{"SHEAF_LOGLEVEL=debug"}, {}}) ==
        "environment variable SHEAF_LOGLEVEL: no option has this name; did you mean SHEAF_LOG_LEVEL?");
  CHECK(ErrorOf("", {{"SHEAF_ADMIN_PORT=9901"}, {}})
            .starts_with("environment variable SHEAF_ADMIN_PORT: no option has this name; "));
  CHECK(ErrorOf("", {{"SHEAF_ROUTE_PATH=/"}, {}}) ==
        "environment variable SHEAF_ROUTE_PATH: routes are set in the file alone: unset it");
  CHECK(ErrorOf("", {{"SHEAF_FORWARDED_TRUSTED_PROXIES=10.0.0.1,x"}, {}})
            .starts_with("environment variable SHEAF_FORWARDED_TRUSTED_PROXIES: forwarded.trusted_proxies must hold"));
  Valid("", {{"PATH=/bin", "SHEAF_POOLS=1", "SHEAFPOOL=1", "SHEAF_BINARY=/bin/sheaf", "SHEAF_IMAGE=sheaf:1"}, {}});
}

// As the kubelet makes them (kubernetes/pkg/kubelet/envvars) of a Service `name` with two ports, for "sheaf-admin" for
// example SHEAF_ADMIN.
std::vector<std::string> ServiceLinks(const std::string& name) {
  std::vector<std::string> links = {name + "_SERVICE_HOST=10.0.0.11", name + "_SERVICE_PORT=9901",
                                    name + "_SERVICE_PORT_HTTP_METRICS=9901", name + "_SERVICE_PORT_DNS=53",
                                    name + "_PORT=tcp://10.0.0.11:9901"};
  for (const auto& [number, protocol, scheme] :
       {std::tuple("9901", "TCP", "tcp"), std::tuple("53", "UDP", "udp"), std::tuple("36412", "SCTP", "sctp")}) {
    const std::string port = name + "_PORT_" + number + "_" + protocol;
    links.push_back(port + "=" + scheme + "://10.0.0.11:" + number);
    links.push_back(port + "_PROTO=" + scheme);
    links.push_back(port + "_PORT=" + number);
    links.push_back(port + "_ADDR=10.0.0.11");
  }
  return links;
}

TEST_CASE("Kubernetes' variables of Services are told from options, whatever of ours the Service is called like") {
  for (const char* name : {"SHEAF", "SHEAF_ADMIN", "SHEAF_X", "SHEAF_POOL", "SHEAF_LISTEN_ADDRESS", "SHEAF_ROUTE"}) {
    CAPTURE(name);
    const Result<Configuration> configuration = Load("", {ServiceLinks(name), {}});
    const std::string error = configuration.ok() ? "" : configuration.error();
    REQUIRE(error == "");
    CHECK(configuration.value().service_links.size() == ServiceLinks(name).size());
    CHECK(configuration.value().foreign_variables.empty());
  }
  const Result<Configuration> of_udp = Load("", {{"SHEAF_DNS_PORT=udp://10.0.0.1:53"}, {}});
  CHECK(of_udp.value().service_links == std::vector<std::string>{"SHEAF_DNS_PORT"});
}

TEST_CASE("what only looks a little like a service link is a mistake, or foreign") {
  for (const char* variable : {"SHEAF_ADMIN_PORT=tcp:/x", "SHEAF_ADMIN_SERVICE=x", "SHEAF_POOL_PORT_TCP=1",
                               "SHEAF_POOL_PORT_80_TCP_NAME=1", "SHEAF_POOL_SERVICE_PORTS=1"}) {
    CAPTURE(variable);
    CHECK(ErrorOf("", {{variable}, {}}).find("no option has this name") != std::string::npos);
  }
  const Result<Configuration> configuration = Load("", {{"SHEAF_PORT=8081", "SHEAF_VERSION=1"}, {}});
  REQUIRE(configuration.ok());
  CHECK(configuration.value().foreign_variables == std::vector<std::string>{"SHEAF_PORT", "SHEAF_VERSION"});
}

TEST_CASE("an empty variable is as if unset") {
  const std::string file = "[pool]\nmin_size = 3\n[forwarded]\ntrusted_proxies = [\"10.0.0.0/8\"]\n";
  const Options options =
      Valid(file, {{"SHEAF_POOL_MIN_SIZE=", "SHEAF_FORWARDED_TRUSTED_PROXIES=", "SHEAF_ADMIN_ADDRESS=",
                    "SHEAF_LOG_LEVEL=", "SHEAF_POL_MIN_SIZE=", "SHEAF_LOG_ACCESS"},
                   {}});
  CHECK(options.pool.min_size == 3);
  CHECK(options.forwarded.trusted_proxies == std::vector<std::string>{"10.0.0.0/8"});
  CHECK(options.admin.address == Options{}.admin.address);
  // The command line says nothing by accident.
  CHECK(Valid("", {{}, {"admin.address="}}).admin.address.empty());
  CHECK(ErrorOf("", {{}, {"pool.min_size="}}) != "valid");
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

TEST_CASE("ignored variables are told in a line for each kind, without their values") {
  Configuration configuration;
  LogRecorder log;
  LogIgnoredVariables(configuration);
  CHECK(log.lines.empty());
  configuration.service_links = {"SHEAF_SERVICE_PORT", "SHEAF_SERVICE_HOST"};
  configuration.foreign_variables = {"SHEAF_BINARY"};
  LogIgnoredVariables(configuration);
  CHECK(log.lines == std::vector<std::string>{
                         "debug variables of Kubernetes' service links are ignored "
                         "names=SHEAF_SERVICE_HOST,SHEAF_SERVICE_PORT",
                         "info variables of the environment are ignored: no option has their name names=SHEAF_BINARY"});
}

TEST_CASE("faulty settings of the command line are errors") {
  CHECK(ErrorOf("", {{}, {"pool.min_size"}}) == "--set pool.min_size: must be written section.key=value");
  CHECK(ErrorOf("", {{}, {"pool.minsize=1"}}) ==
        "--set pool.minsize: no option has this name; did you mean pool.min_size?");
  CHECK(ErrorOf("", {{}, {"route.path=/"}}) == "--set route.path: routes are set in the file alone");
  CHECK(ErrorOf("", {{}, {"log.level=loud"}}) ==
        "--set log.level: log.level must be \"debug\", \"info\", \"warning\" or \"error\", not \"loud\"");
}

TEST_CASE("all errors are told, the file's from its top, then the environment's, then the command line's") {
  CHECK(ErrorOf("wrkers = 1\n[log]\nlevel = 1\n[listen]\nbacklog = 0\nadress = \"x\"\n",
                {{"SHEAF_LOG_FORMAT=xml"}, {"pool.max_size=0"}}) ==
        "a.conf:1:1: unknown key \"wrkers\" at the top of the file; did you mean \"workers\"?\n"
        "a.conf:3:9: log.level must be a text in quotes, not 1\n"
        "a.conf:5:11: listen.backlog must be a number from 1 to 65535, not \"0\"\n"
        "a.conf:6:1: unknown key \"adress\" in [listen]; did you mean \"address\"?\n"
        "environment variable SHEAF_LOG_FORMAT: log.format must be \"text\" or \"json\", not \"xml\"\n"
        "--set pool.max_size: pool.max_size must be a number from 1 to 1000000, not \"0\"");
}

TEST_CASE("certificate and key must both be set, be there, and match") {
  const Folder folder;
  const TestCertificate one = WriteTestCertificate(folder / "one");
  const TestCertificate other = WriteTestCertificate(folder / "other");
  const auto file = [](const std::string& certificate, const std::string& key) {
    return "[listen]\ntls_certificate = \"" + certificate + "\"\ntls_key = \"" + key + "\"\n";
  };
  CHECK(Valid(file(one.certificate_path, one.key_path)).listen.tls_key == one.key_path);
  CHECK(ErrorOf(file(one.certificate_path, "")) ==
        "a.conf:2:19: listen.tls_certificate is set without listen.tls_key: set both or none");
  CHECK(ErrorOf(file("", one.key_path)) ==
        "a.conf:3:11: listen.tls_key is set without listen.tls_certificate: set both or none");
  CHECK(ErrorOf(file(folder / "a", folder / "b")) ==
        "a.conf:2:19: listen.tls_certificate: cannot read \"" + (folder / "a") +
            "\": No such file or directory; correct the path or its permissions\n" +
            "a.conf:3:11: listen.tls_key: cannot read \"" + (folder / "b") +
            "\": No such file or directory; correct the path or its permissions");
  const std::string mismatch = ErrorOf(file(one.certificate_path, other.key_path));
  CHECK(mismatch.starts_with("a.conf:3:11: listen.tls_certificate and listen.tls_key: "));
  CHECK(mismatch.find("does not match") != std::string::npos);
  WriteFile(folder / "garbage", "no PEM\n");
  CHECK(ErrorOf(file(folder / "garbage", one.key_path)).starts_with("a.conf:3:11: listen.tls_certificate and"));
}

TEST_CASE("the backend's root certificates must be there and be certificates") {
  const Folder folder;
  const TestCertificate root = WriteTestCertificate(folder / "root");
  CHECK(Valid("[upstream]\ntls_ca = \"" + root.certificate_path + "\"\n").upstream.tls_ca == root.certificate_path);
  CHECK(ErrorOf("[upstream]\ntls_ca = \"" + (folder / "none") + "\"\n")
            .starts_with("a.conf:2:10: upstream.tls_ca: cannot read"));
  WriteFile(folder / "garbage", "no PEM\n");
  CHECK(
      ErrorOf("[upstream]\ntls_ca = \"" + (folder / "garbage") + "\"\n").starts_with("a.conf:2:10: upstream.tls_ca: "));
}

TEST_CASE("the sources are the file, the environment and the command line") {
  const Folder folder;
  WriteFile(folder / "a.conf", "workers = 2\n");
  const char* const environment[] = {"A=1", "SHEAF_POOL_MIN_SIZE=3", nullptr};
  const Result<ConfigSources> sources = CollectSources(folder / "a.conf", {"log.level=debug"}, environment);
  REQUIRE(sources.ok());
  CHECK(sources.value().file_text == "workers = 2\n");
  CHECK(sources.value().environment == std::vector<std::string>{"A=1", "SHEAF_POOL_MIN_SIZE=3"});
  CHECK(sources.value().settings == std::vector<std::string>{"log.level=debug"});
}

TEST_CASE("a conf file that cannot be read is an error, an empty one or none is not") {
  const Folder folder;
  const char* const environment[] = {nullptr};
  CHECK(CollectSources(folder / "none", {}, environment).error() ==
        (folder / "none") + ": cannot be read: No such file or directory");
  CHECK(CollectSources(folder.path(), {}, environment).error() == folder.path() + ": cannot be read: Is a directory");
  WriteFile(folder / "empty", "");
  CHECK(CollectSources(folder / "empty", {}, environment).ok());
  CHECK(CollectSources("", {}, environment).ok());
}

TEST_CASE("the printed default configuration loads, has every option, and gives the defaults") {
  const Result<Configuration> configuration = Load(DefaultConfig());
  REQUIRE(configuration.ok());
  Options loaded = configuration.value().options;
  Options defaults;
  for (size_t i = 0; i < OptionRows().size(); ++i) {
    const OptionRow& row = OptionRows()[i];
    CAPTURE(row.FullName());
    CHECK(FormatValue(row, row.slot(loaded)) == FormatValue(row, row.slot(defaults)));
    CHECK(configuration.value().origins[i].source == (row.unwritten ? Source::kDefault : Source::kFile));
    CHECK(DefaultConfig().find("\n" + std::string(row.unwritten ? "# " : "") + std::string(row.name) + " = ") !=
          std::string::npos);
  }
}

TEST_CASE("trusted proxies are named when they are written anywhere, with their default too, and not when left out") {
  CHECK_FALSE(Valid("").proxies_named);
  CHECK_FALSE(Valid(DefaultConfig()).proxies_named);
  CHECK_FALSE(Valid(DumpConfiguration(Load("").value())).proxies_named);
  const std::string written = "[forwarded]\ntrusted_proxies = [\"127.0.0.1\", \"::1\"]\n";
  CHECK(Valid(written).proxies_named);
  CHECK(Valid(DumpConfiguration(Load(written).value())).proxies_named);
  CHECK(Valid("[forwarded]\ntrusted_proxies = []\n").proxies_named);
  CHECK(Valid("", {{"SHEAF_FORWARDED_TRUSTED_PROXIES=loopback"}, {}}).proxies_named);
  CHECK(Valid("", {{}, {"forwarded.trusted_proxies=none"}}).proxies_named);
}

TEST_CASE("an old name is taken for the new option, with a warning that tells how to write it now") {
  struct Row {
    std::string file;
    Extra extra;
    Underscores meant;
    std::string warning;
  };
  const Row rows[] = {
      {"[limits]\nallow_underscores = true\n",
       {},
       Underscores::kPass,
       "a.conf:2:21: limits.allow_underscores is now limits.underscores: write underscores = \"pass\""},
      {"[limits]\nallow_underscores = false\n",
       {},
       Underscores::kRefuse,
       "a.conf:2:21: limits.allow_underscores is now limits.underscores: write underscores = \"refuse\""},
      {"",
       {{"SHEAF_LIMITS_ALLOW_UNDERSCORES=false"}, {}},
       Underscores::kRefuse,
       "environment variable SHEAF_LIMITS_ALLOW_UNDERSCORES: limits.allow_underscores is now limits.underscores: write "
       "underscores = \"refuse\""},
      {"",
       {{}, {"limits.allow_underscores=false"}},
       Underscores::kRefuse,
       "--set limits.allow_underscores: limits.allow_underscores is now limits.underscores: write underscores = "
       "\"refuse\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.warning);
    const Result<Configuration> configuration = Load(row.file, row.extra);
    REQUIRE(configuration.ok());
    CHECK(configuration.value().options.limits.underscores == row.meant);
    CHECK(configuration.value().warnings == std::vector<std::string>{row.warning});
  }
  CHECK(Load("[limits]\nunderscores = \"drop\"\n").value().warnings.empty());
  CHECK(ErrorOf("[limits]\nallow_underscores = \"maybe\"\n") ==
        "a.conf:2:21: limits.underscores must be \"pass\", \"drop\" or \"refuse\", not \"maybe\"");
}

TEST_CASE("the route that the default configuration shows is right once its marks are removed") {
  std::string text = DefaultConfig();
  const size_t route = text.find("# [[route]]");
  REQUIRE(route != std::string::npos);
  for (size_t at = route; at != std::string::npos; at = text.find("\n# ", at + 1)) text.erase(text.find("# ", at), 2);
  const Options options = Valid(text);
  REQUIRE(options.routes.size() == 2);
  CHECK(options.routes[0].path == "/api");
  CHECK(options.routes[0].critical.size() == 3);
  CHECK(options.routes[0].conflate.size() == 2);
}

TEST_CASE("the dump says where each value came from, keeps secrets, and loads again") {
  const Extra extra{{"SHEAF_POOL_MIN_SIZE=3"}, {"pool.max_size=30"}};
  const std::string file = "workers = 2\n[admin]\ntoken = \"sesame\"\n[[route]]\npath = \"/a/\"\nmax_body = \"1KiB\"\n";
  const Result<Configuration> configuration = Load(file, extra);
  REQUIRE(configuration.ok());
  const std::string dump = DumpConfiguration(configuration.value());
  for (const char* line :
       {"workers = 2  # a.conf:1:11\n", "min_size = 3  # environment variable SHEAF_POOL_MIN_SIZE\n",
        "max_size = 30  # --set pool.max_size\n", "max_waiting = 1000  # default\n",
        "token = \"<redacted>\"  # a.conf:3:9\n", "path = \"/a\"\n", "max_body = \"1KiB\"  # a.conf:6:12\n",
        "response_timeout = \"1m\"  # timeouts.response\n"}) {
    CAPTURE(line);
    CHECK(dump.find(line) != std::string::npos);
  }
  CHECK(dump.find("sesame") == std::string::npos);
  const Options again = Valid(dump);
  CHECK(again.pool.max_size == 30);
  CHECK(again.routes.size() == 2);
}

TEST_CASE("no error shows a secret") {
  CHECK(ErrorOf("[admin]\ntoken = 12345\n") == "a.conf:2:9: admin.token must be a text in quotes");
}

TEST_CASE("the manual names every option, every variable's section and every key of a route") {
  const std::string manual = OptionsManual();
  for (const OptionRow& row : OptionRows()) CHECK(manual.find("| `" + row.FullName() + "` |") != std::string::npos);
  for (const RouteRow& row : RouteRows())
    CHECK(manual.find("| `" + std::string(row.name) + "` |") != std::string::npos);
  for (const char* list : {"critical", "conflate"})
    CHECK(manual.find("| `" + std::string(list) + "` |") != std::string::npos);
}

}  // namespace
}  // namespace sheaf
