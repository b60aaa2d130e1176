#include <doctest/doctest.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "proxy/config/addresses.h"
#include "proxy/net/address.h"

namespace sheaf {
namespace {

TEST_CASE("one port of one address is one place, however it is written") {
  for (const char* target :
       {"127.0.0.1:80", "localhost:80", "LOCALHOST:80", "[::1]:80", "0.0.0.0:80", "[::]:80", ":80"}) {
    CAPTURE(target);
    for (const char* wildcard : {":80", "*:80", "[::]:80"}) CHECK(LeadsTo(target, wildcard, false));
    CHECK_FALSE(LeadsTo(target, ":81", false));
    CHECK_FALSE(LeadsTo(target, "unix:/run/a", false));
  }
  CHECK(LeadsTo("127.0.0.1:80", "0.0.0.0:80", false));
  CHECK(LeadsTo("127.0.0.1:80", "localhost:80", false));
  CHECK(LeadsTo("localhost:80", "127.0.0.1:80", false));
  CHECK(LeadsTo("localhost:80", "[::1]:80", false));
  CHECK(LeadsTo("10.1.2.3:80", "10.1.2.3:80", false));
  CHECK(LeadsTo("127.0.0.2:80", ":80", false));
  CHECK(LeadsTo("app.example:80", "APP.example:80", false));
}

TEST_CASE("another address, or the other family, is another place") {
  CHECK_FALSE(LeadsTo("127.0.0.2:80", "127.0.0.1:80", false));
  CHECK_FALSE(LeadsTo("[::1]:80", "127.0.0.1:80", false));
  CHECK_FALSE(LeadsTo("[::1]:80", "0.0.0.0:80", false));
  CHECK_FALSE(LeadsTo("127.0.0.1:80", "[::]:80", true));
  CHECK_FALSE(LeadsTo("127.0.0.1:80", ":80", true));
  CHECK(LeadsTo("[::1]:80", ":80", true));
  CHECK_FALSE(LeadsTo("192.0.2.1:80", ":80", false));
  CHECK_FALSE(LeadsTo("[2001:db8::1]:80", ":80", false));
  CHECK_FALSE(LeadsTo("app.example:80", ":80", false));
  CHECK_FALSE(LeadsTo("127.0.0.1:80", "", false));
}

TEST_CASE("an address of this machine's own is behind a wildcard") {
  ifaddrs* interfaces = nullptr;
  REQUIRE(getifaddrs(&interfaces) == 0);
  for (const ifaddrs* one = interfaces; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    const std::string own = net::Address(one->ifa_addr, sizeof(sockaddr_in)).ToHost();
    CAPTURE(own);
    CHECK(LeadsTo(own + ":80", "0.0.0.0:80", false));
    CHECK(LeadsTo(own + ":80", ":80", false));
  }
  freeifaddrs(interfaces);
}

TEST_CASE("a Unix socket is its file, whichever way leads there") {
  CHECK(LeadsTo("unix:/run/a.sock", "unix:/run/a.sock", false));
  CHECK(LeadsTo("unix:/run/x/../a.sock", "unix:/run/a.sock", false));
  CHECK_FALSE(LeadsTo("unix:/run/a.sock", "unix:/run/b.sock", false));
  std::string folder = (std::filesystem::temp_directory_path() / "sheaf-addresses-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  std::filesystem::create_directory(folder + "/real");
  std::filesystem::create_directory_symlink(folder + "/real", folder + "/link");
  CHECK(LeadsTo("unix:" + folder + "/link/a", "unix:" + folder + "/real/a", false));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sheaf
