#include <doctest/doctest.h>

#include <tuple>

#include "proxy/config/environment.h"
#include "proxy/config/report.h"
#include "tests/fakes/log_recorder.h"
#include "tests/unit/proxy/config_loading.h"

namespace sheaf {
namespace {

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

}  // namespace
}  // namespace sheaf
