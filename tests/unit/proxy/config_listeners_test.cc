// listen.address as a list, [[listener]], and what contradicts itself among them.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/config/docs.h"
#include "proxy/config/dump.h"
#include "proxy/config/report.h"
#include "tests/unit/proxy/config_loading.h"
#include "tests/unit/proxy/test_certificate.h"

namespace sheaf {
namespace {

std::vector<std::string> AddressesOf(const Options& options) {
  std::vector<std::string> addresses;
  for (const ListenerOptions& listener : options.listeners) addresses.push_back(listener.address);
  return addresses;
}

using Texts = std::vector<std::string>;

// A [listen] with a certificate, which goes with the test.
struct WithTls {
  const Folder folder;
  const TestCertificate one = WriteTestCertificate(folder / "one");
  const TestCertificate other = WriteTestCertificate(folder / "other");

  static std::string Pair(const TestCertificate& pair) {
    return "tls_certificate = \"" + pair.certificate_path + "\"\ntls_key = \"" + pair.key_path + "\"\n";
  }
  std::string Listen() const { return "[listen]\naddress = \":8443\"\n" + Pair(one); }
};

TEST_CASE("an address is one text or a list; commas part it outside of the file alone") {
  CHECK(AddressesOf(Valid("")) == Texts{":8080"});
  CHECK(AddressesOf(Valid("[listen]\naddress = \":80\"\n")) == Texts{":80"});
  CHECK(AddressesOf(Valid("[listen]\naddress = [\":80\", \"unix:/run/a.sock\"]\n")) ==
        Texts{":80", "unix:/run/a.sock"});
  CHECK(AddressesOf(Valid("", {{"SHEAF_LISTEN_ADDRESS=:80, [::1]:81"}, {}})) == Texts{":80", "[::1]:81"});
  CHECK(AddressesOf(Valid("", {{}, {"listen.address=:80,unix:/run/a"}})) == Texts{":80", "unix:/run/a"});
  CHECK(ErrorOf("[listen]\naddress = \":80,:81\"\n").starts_with("a.conf:2:11: listen.address must be host:port"));
  CHECK(ErrorOf("[listen]\naddress = [\":80\", 81]\n") ==
        "a.conf:2:11: listen.address must be a text in quotes, or a list of them, not a list of other things");
  CHECK(ErrorOf("[listen]\naddress = [\":80\",\n  \"b\"]\n").starts_with("a.conf:3:3: listen.address must be"));
}

TEST_CASE("a [[listener]] adds addresses; what it leaves out is as in [listen], whatever source that has") {
  const Options options = Valid(
      "[listen]\naddress = \":80\"\nbacklog = 7\n[[listener]]\naddress = [\":81\", \"unix:/run/a\"]\nbacklog = 9\n"
      "socket_mode = \"0600\"\n[[listener]]\naddress = \":82\"\nipv6_only = true\n",
      {{}, {"listen.backlog=8"}});
  REQUIRE(AddressesOf(options) == Texts{":80", ":81", "unix:/run/a", ":82"});
  CHECK(options.listeners[0].backlog == 8);
  CHECK(options.listeners[1].backlog == 9);
  CHECK(options.listeners[2].socket_mode == "0600");
  CHECK(options.listeners[3].backlog == 8);
  CHECK(options.listeners[3].ipv6_only);
  CHECK_FALSE(options.listeners[0].ipv6_only);
}

TEST_CASE("[listen] may name no address where a [[listener]] does") {
  CHECK(AddressesOf(Valid("[listen]\naddress = []\n[[listener]]\naddress = \":81\"\n")) == Texts{":81"});
  CHECK(ErrorOf("[listen]\naddress = []\n")
            .starts_with("a.conf:2:11: listen.address is empty and there is no [[listener]]"));
  CHECK(ErrorOf("", {{}, {"listen.address="}}).starts_with("--set listen.address: listen.address is empty"));
}

TEST_CASE("listener=none leaves out those of the file, and nothing else may be said of them elsewhere") {
  const std::string file = "[[listener]]\naddress = \":81\"\n";
  CHECK(AddressesOf(Valid(file, {{}, {"listener=none"}})) == Texts{":8080"});
  CHECK(ErrorOf(file, {{}, {"listener=:82"}}) ==
        "--set listener: a [[listener]] is set in the file alone; listener=none leaves out those of the file");
  CHECK(ErrorOf(file, {{}, {"listener.address=:82"}}).starts_with("--set listener.address: a [[listener]] is set"));
  CHECK(ErrorOf(file, {{"SHEAF_LISTENER_ADDRESS=:82"}, {}}) ==
        "environment variable SHEAF_LISTENER_ADDRESS: a [[listener]] is set in the file alone: unset it");
}

TEST_CASE("a certificate and its key are inherited together or not at all") {
  const WithTls tls;
  CHECK(Valid(tls.Listen() + "[[listener]]\naddress = \":81\"\n").listeners[1].tls_key == tls.one.key_path);
  const Options own = Valid(tls.Listen() + "[[listener]]\naddress = \":81\"\n" + WithTls::Pair(tls.other));
  CHECK(own.listeners[0].tls_key == tls.one.key_path);
  CHECK(own.listeners[1].tls_key == tls.other.key_path);
  const Options plain = Valid(tls.Listen() + "[[listener]]\naddress = \":81\"\ntls_certificate = \"\"\n");
  CHECK(plain.listeners[0].is_tls());
  CHECK_FALSE(plain.listeners[1].is_tls());
  CHECK(plain.listeners[1].tls_key.empty());
  CHECK(ErrorOf(tls.Listen() + "[[listener]]\naddress = \":81\"\ntls_certificate = \"" + tls.other.certificate_path +
                "\"\n") == "a.conf:7:19: listener.tls_certificate is set without listener.tls_key: set both or none");
  CHECK(ErrorOf("[[listener]]\naddress = [\":81\", \":82\"]\ntls_certificate = \"" + tls.one.certificate_path +
                "\"\ntls_key = \"" + tls.other.key_path + "\"\n")
            .starts_with("a.conf:4:11: listener.tls_certificate and listener.tls_key: the key in"));
}

TEST_CASE("two addresses that cannot both be listened at are an error at the later one") {
  const auto two = [](const std::string& one, const std::string& other) {
    return "[listen]\naddress = \"" + one + "\"\n[[listener]]\naddress = \"" + other + "\"\n";
  };
  for (const auto& pair : {std::pair{":80", ":80"},
                           {":80", "0.0.0.0:80"},
                           {"[::]:80", ":80"},
                           {"10.1.2.3:80", "*:80"},
                           {"[::1]:80", "[::]:80"},
                           {"127.0.0.1:80", "localhost:80"},
                           {"unix:/run/a", "unix:/run/x/../a"}}) {
    const char* const one = pair.first;
    const char* const other = pair.second;
    CAPTURE(one);
    CAPTURE(other);
    for (const std::string& text : {two(one, other), two(other, one)}) {
      CHECK(ErrorOf(text).starts_with("a.conf:4:11: \""));
      CHECK(ErrorOf(text).find("cannot both be listened at") != std::string::npos);
    }
  }
  for (const auto& [one, other] : {std::pair{":80", ":81"},
                                   {"127.0.0.1:80", "127.0.0.2:80"},
                                   {"[::1]:80", "127.0.0.1:80"},
                                   {"0.0.0.0:80", "[::1]:80"}}) {
    CHECK(AddressesOf(Valid(two(one, other))) == Texts{one, other});
  }
  CHECK(ErrorOf("[listen]\naddress = [\":80\", \"[::]:80\"]\n").starts_with("a.conf:2:11: \":80\" and \"[::]:80\""));
}

TEST_CASE("IPv6 alone leaves the port to IPv4") {
  const std::string both = "[listen]\naddress = \"0.0.0.0:80\"\n[[listener]]\naddress = \"[::]:80\"\n";
  CHECK(Valid(both + "ipv6_only = true\n").listeners.size() == 2);
  CHECK(ErrorOf(both) != "valid");
}

TEST_CASE("a [[listener]] is no admin, and no backend of its own") {
  CHECK(ErrorOf("[[listener]]\naddress = \":9901\"\n") ==
        "a.conf:2:11: listener.address and admin.address are one port of one address: give one of them another port");
  CHECK(ErrorOf("[[listener]]\naddress = \":81\"\n", {{}, {"admin.address=[::1]:81"}})
            .starts_with("--set admin.address: listener.address and admin.address are one port"));
  CHECK(ErrorOf("[[listener]]\naddress = \":8000\"\n")
            .starts_with("a.conf:2:11: upstream.url (http://127.0.0.1:8000) is Sheaf itself, which listens at :8000"));
}

TEST_CASE("permissions are for those with a Unix socket among their addresses") {
  CHECK(ErrorOf("[[listener]]\naddress = [\":81\", \":82\"]\nsocket_mode = \"0600\"\n") ==
        "a.conf:3:15: listener.socket_mode is for a Unix socket, and listener.address is none: remove it, or listen on "
        "unix:/path");
  CHECK(ErrorOf("[[listener]]\naddress = \"unix:/a\"\nsocket_mode = \"rw\"\n")
            .starts_with("a.conf:3:15: listener.socket_mode must be empty or permissions"));
  CHECK(Valid("[listen]\nsocket_mode = \"0600\"\n[[listener]]\naddress = \"unix:/a\"\n").listeners[1].socket_mode ==
        "0600");
  CHECK(ErrorOf("[listen]\nsocket_mode = \"0600\"\n[[listener]]\naddress = \"unix:/a\"\nsocket_mode = \"0660\"\n")
            .starts_with("a.conf:2:15: listen.socket_mode is for a Unix socket"));
}

TEST_CASE("PROXY headers of nobody are told of where they are asked for") {
  CHECK(ErrorOf("[[listener]]\naddress = \":81\"\nproxy_protocol = \"on\"\n")
            .starts_with("a.conf:3:18: listener.proxy_protocol is on, but forwarded.trusted_proxies names nobody"));
}

TEST_CASE("a faulty [[listener]] is told of key by key") {
  const ErrorRow rows[] = {
      {"[[listener]]\nbacklog = 9\n", "a.conf:1:1: a [[listener]] must have an address, such as address = \":8443\""},
      {"[[listener]]\naddress = []\n", "a.conf:2:11: listener.address must name an address: remove the [[listener]]"},
      {"[[listener]]\naddress = \":81\"\nbaklog = 9\n",
       "a.conf:3:1: unknown key \"baklog\" in [[listener]]; did you mean \"backlog\"?"},
      {"[[listener]]\naddress = \":81\"\nssl_certificate = \"a\"\n",
       "a.conf:3:1: unknown key \"ssl_certificate\" in [[listener]]; did you mean \"tls_certificate\"?"},
      {"[[listener]]\nbind = \":81\"\naddress = \":82\"\n",
       "a.conf:2:1: unknown key \"bind\" in [[listener]]; did you mean \"address\"?"},
      {"[[listener]]\naddress = \":81\"\nmax_connections = 9\n",
       "a.conf:3:1: unknown key \"max_connections\" in [[listener]]; did you mean \"listen.max_connections\", which "
       "holds "
       "for all listeners?"},
      {"[[listener]]\naddress = \":81\"\nbacklog = 0\n",
       "a.conf:3:11: listener.backlog must be a number from 1 to 65535, not \"0\""},
      {"[listener]\naddress = \":81\"\n", "a.conf:1:2: a listener is written [[listener]], in double brackets"},
      {"listener = \":81\"\n", "a.conf:1:1: \"listener\" is a section: write [[listener]]"},
      {"[[listeners]]\naddress = \":81\"\n", "a.conf:1:1: unknown section [listeners]; did you mean [[listener]]?"},
  };
  for (const ErrorRow& row : rows) CHECK(ErrorOf(row.text) == row.error);
}

TEST_CASE("who writes a [[listener]] alone is told that the default is served too") {
  const Texts warnings = WarningsOf("[[listener]]\naddress = \":81\"\n");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] ==
        "a.conf:2:11: clients are served at :8080 too, the default of listen.address: write it, or address = [] under "
        "[listen] for the [[listener]]s alone");
  for (const char* address : {"\":8080\"", "[]"}) {
    CHECK(WarningsOf(std::string("[listen]\naddress = ") + address + "\n[[listener]]\naddress = \":81\"\n").empty());
  }
}

TEST_CASE("inherited TLS is told of where plain text is what clients speak") {
  const WithTls tls;
  for (const char* address : {"0.0.0.0:80", "unix:/run/a.sock"}) {
    const std::string listener = std::string("[[listener]]\naddress = \"") + address + "\"\n";
    const Texts warnings = WarningsOf(tls.Listen() + listener);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].starts_with(std::string("a.conf:6:11: ") + address + " speaks TLS, as [listen] does: write"));
    CHECK(WarningsOf(tls.Listen() + listener + "tls_certificate = \"\"\n").empty());
    CHECK(WarningsOf(tls.Listen() + listener + WithTls::Pair(tls.one)).empty());
  }
  CHECK(WarningsOf(tls.Listen() + "[[listener]]\naddress = \":81\"\n").empty());
}

TEST_CASE("the dump has each listener with where its values came from, and loads again") {
  const WithTls tls;
  const Result<Configuration> configuration =
      Load(tls.Listen() +
           "[[listener]]\naddress = [\":81\", \"unix:/run/a\"]\ntls_certificate = \"\"\nsocket_mode = \"0600\"\n");
  REQUIRE(configuration.ok());
  const std::string dump = DumpConfiguration(configuration.value());
  for (const char* line : {"address = \":8443\"  # a.conf:2:11\n", "[[listener]]\naddress = \":81\"  # a.conf:6:12\n",
                           "address = \"unix:/run/a\"  # a.conf:6:19\n", "backlog = 4096  # listen.backlog\n"}) {
    CAPTURE(line);
    CHECK(dump.find(line) != std::string::npos);
  }
  const Options again = Valid(dump);
  CHECK(AddressesOf(again) == Texts{":8443", ":81", "unix:/run/a"});
  CHECK(again.listeners[0].is_tls());
  CHECK_FALSE(again.listeners[1].is_tls());
  CHECK(again.listeners[2].socket_mode == "0600");
}

TEST_CASE("the listener that the default configuration shows is right once its marks are removed") {
  std::string text = DefaultConfig();
  const size_t begin = text.find("# [[listener]]");
  const size_t end = text.find("\n\n", begin);
  REQUIRE(end != std::string::npos);
  std::string shown = text.substr(begin, end - begin + 1);
  for (size_t at = 0; (at = shown.find("# ", at)) != std::string::npos;) shown.erase(at, 2);
  const Options options = Valid(shown);
  REQUIRE(options.listeners.size() == 2);
  CHECK(options.listeners[1].address == ":8443");
}

TEST_CASE("the check names all listeners and their terms") {
  const WithTls tls;
  const Result<Configuration> configuration =
      Load(tls.Listen() +
           "[[listener]]\naddress = \":81\"\ntls_certificate = \"\"\n[[listener]]\naddress = \":82\"\n"
           "proxy_protocol = \"on\"\n[forwarded]\ntrusted_proxies = [\"10.0.0.1\"]\n");
  REQUIRE(configuration.ok());
  CHECK(ReportOfCheck(configuration.value()).find("\nclients:  :8443 (TLS), :81, :82 (PROXY protocol, TLS)\n") !=
        std::string::npos);
}

}  // namespace
}  // namespace sheaf
