// What contradicts itself among backends, and what is told of them all the same.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proxy/reload.h"
#include "tests/unit/proxy/config_loading.h"
#include "tests/unit/proxy/test_certificate.h"

namespace sheaf {
namespace {

using Texts = std::vector<std::string>;

TEST_CASE("a url beside urls is an error that names both places, whoever wrote them") {
  const std::string remedy = " are both set: name all endpoints in urls, and remove url";
  CHECK(ErrorOf("[upstream]\nurl = \"http://a:1\"\nurls = [\"http://b:2\"]\n") ==
        "a.conf:3:8: upstream.url (a.conf:2:7) and upstream.urls (a.conf:3:8)" + remedy);
  CHECK(ErrorOf("[upstream]\nurls = [\"http://b:2\"]\nurl = \"http://127.0.0.1:8000\"\n") ==
        "a.conf:3:7: upstream.url (a.conf:3:7) and upstream.urls (a.conf:2:8)" + remedy);
  CHECK(ErrorOf("[upstream]\nurl = \"http://a:1\"\n", {{"SHEAF_UPSTREAM_URLS=http://b:2"}, {}}) ==
        "environment variable SHEAF_UPSTREAM_URLS: upstream.url (a.conf:2:7) and upstream.urls (environment variable "
        "SHEAF_UPSTREAM_URLS)" +
            remedy);
  CHECK(ErrorOf("[upstream]\nurls = [\"http://b:2\"]\n", {{}, {"upstream.url=http://a:1"}}) ==
        "--set upstream.url: upstream.url (--set upstream.url) and upstream.urls (a.conf:2:8)" + remedy);
  // No urls say nothing.
  CHECK(Valid("[upstream]\nurl = \"http://a:1\"\nurls = []\n").backends[0].urls == Texts{"http://a:1"});
  CHECK(Valid("[upstream]\nurls = [\"http://b:2\"]\n", {{}, {"upstream.urls=", "upstream.url=http://a:1"}})
            .backends[0]
            .urls == Texts{"http://a:1"});
}

TEST_CASE("an endpoint twice in one backend is an error, in two backends it is none") {
  CHECK(ErrorOf("[upstream]\nurls = [\"http://a:80\", \"http://b\", \"http://A\"]\n") ==
        "a.conf:2:8: upstream.urls (http://A) is the same endpoint as http://a:80, in one list: remove one of them");
  CHECK(ErrorOf(BackendText("x", "[\"unix:/run/a\",\n  \"unix:/run/a\"]"))
            .starts_with("a.conf:7:3: backend.urls (unix:/run/a) is the same endpoint as unix:/run/a"));
  CHECK(Valid(BackendText("x", "[\"http://a:80\", \"https://a:80\", \"unix:/run/a\", \"unix:/run/A\"]"))
            .backends[1]
            .urls.size() == 4);
  Valid(BackendText("x", "\"http://a\"") + BackendText("y", "\"http://a\""));
}

TEST_CASE("no url of any backend leads to Sheaf itself") {
  CHECK(
      ErrorOf("[upstream]\nurls = [\"http://a\", \"http://127.0.0.1:8080\"]\n") ==
      "a.conf:2:8: upstream.urls (http://127.0.0.1:8080) is Sheaf itself, which listens at :8080: name the address of "
      "the backend, or listen at another");
  CHECK(ErrorOf("[upstream]\nurls = [\"http://a\", \"http://127.0.0.1:9901\"]\n")
            .starts_with("a.conf:2:8: upstream.urls (http://127.0.0.1:9901) is the admin listener of Sheaf itself"));
  CHECK(ErrorOf(BackendText("x", "[\"http://a\",\n\"http://localhost:8080\"]")) ==
        "a.conf:7:1: backend.urls (http://localhost:8080) is Sheaf itself, which listens at :8080: name the address of "
        "the backend, or listen at another");
  CHECK(ErrorOf(BackendText("x", "\"http://[::1]:8080\""))
            .starts_with("a.conf:6:8: backend.urls (http://[::1]:8080) is "));
  // The later place is blamed.
  CHECK(ErrorOf(BackendText("x", "\"unix:/run/a\"") + "[[listener]]\naddress = \"unix:/run/x/../a\"\n")
            .starts_with("a.conf:8:11: backend.urls (unix:/run/a) is Sheaf itself, which listens at unix:/run/x/../a"));
  CHECK(ErrorOf(BackendText("x", "\"http://a\"") + "[admin]\naddress = \"127.0.0.1:81\"\n" +
                BackendText("y", "\"http://127.0.0.1:81\""))
            .starts_with("a.conf:14:8: backend.urls (http://127.0.0.1:81) is the admin listener"));
  CHECK(ErrorOf(BackendText("x", "\"http://127.0.0.1:81\""), {{}, {"admin.address=127.0.0.1:81"}})
            .starts_with("--set admin.address: backend.urls (http://127.0.0.1:81) is the admin listener"));
}

TEST_CASE("of the default url nothing is said where no route leads to it") {
  const std::string listen = "[listen]\naddress = \":8000\"\n";
  const std::string to_x = listen + "[[backend]]\nname = \"x\"\nurl = \"http://a\"\n[[route]]\nbackend = \"x\"\n";
  CHECK(Valid(to_x + "path = \"/\"\n").backends[0].urls == Texts{"http://127.0.0.1:8000"});
  CHECK(WarningsOf(to_x + "path = \"/\"\n").empty());
  CHECK(ErrorOf(to_x + "path = \"/a\"\n").starts_with("a.conf:2:11: upstream.url (http://127.0.0.1:8000) is Sheaf"));
  CHECK(ErrorOf(to_x + "path = \"/\"\n", {{}, {"upstream.url=http://127.0.0.1:8000"}}) != "valid");
}

TEST_CASE("root certificates of each backend must be there, and a reload watches them") {
  const Folder folder;
  const std::string own = WriteTestCertificate(folder / "one").certificate_path;
  const std::string shared = WriteTestCertificate(folder / "other").certificate_path;
  const Options options = Valid("[upstream]\ntls_ca = \"" + shared + "\"\n" +
                                BackendText("x", "\"https://x\"", "tls_ca = \"" + own + "\"\n") +
                                BackendText("y", "[\"https://y\", \"http://z\"]"));
  CHECK(options.backends[1].tls_ca == own);
  CHECK(options.backends[2].tls_ca == shared);
  const Texts files = FilesOf("a.conf", options);
  for (const std::string& file : {own, shared}) CHECK(std::count(files.begin(), files.end(), file) == 1);
  CHECK(ErrorOf(BackendText("x", "\"https://x\"", "tls_ca = \"/nowhere\"\n")) ==
        "a.conf:7:10: backend.tls_ca: cannot read \"/nowhere\": No such file or directory; correct the path or its "
        "permissions");
  WriteFile(folder / "none", "nothing");
  CHECK(ErrorOf(BackendText("x", "\"https://x\"", "tls_ca = \"" + (folder / "none") + "\"\n"))
            .starts_with("a.conf:7:10: backend.tls_ca: "));
  // What is wrong with the inherited one is told once.
  CHECK(ErrorOf("[upstream]\ntls_ca = \"/nowhere\"\n" + BackendText("x", "\"https://x\"")).find('\n') ==
        std::string::npos);
}

TEST_CASE("what hash goes by is the address, or a named field, parameter or cookie") {
  for (const char* key : {"address", "header:X-User-ID", "cookie:sid", "query:room[]"}) {
    CHECK(
        Valid("[upstream]\nbalance = \"hash\"\nbalance_key = \"" + std::string(key) + "\"\n").backends[0].balance_key ==
        key);
  }
  for (const char* key : {"", "ip", "header:", "header:a b", "cookie:a=b", "cookie:", "query:", "query", "Header:x"}) {
    CAPTURE(key);
    CHECK(ErrorOf("[upstream]\nbalance_key = \"" + std::string(key) + "\"\n") ==
          "a.conf:2:15: upstream.balance_key must be address, header:NAME, query:NAME or cookie:NAME, such as "
          "\"header:X-User-ID\", not \"" +
              std::string(key) + "\"");
  }
  CHECK(ErrorOf(BackendText("x", "\"http://x\"", "balance_key = \"ip\"\n"))
            .starts_with("a.conf:7:15: backend.balance_key"));
}

TEST_CASE("a balance_key that nothing uses is told of") {
  const std::string hash = "balance = \"hash\"\n";
  const std::string key = "balance_key = \"query:room\"\n";
  CHECK(
      WarningsOf("[upstream]\n" + key) ==
      Texts{"a.conf:2:15: upstream.balance_key is for balance = \"hash\", and balance is \"least_sessions\": set that "
            "too, or remove it"});
  CHECK(WarningsOf("", {{"SHEAF_UPSTREAM_BALANCE_KEY=query:room"}, {}})
            .front()
            .starts_with("environment variable SHEAF_UPSTREAM_BALANCE_KEY: upstream.balance_key is for"));
  CHECK(WarningsOf("[upstream]\n" + key + hash).empty());
  CHECK(WarningsOf("[upstream]\nbalance_key = \"address\"\n").empty());
  CHECK(WarningsOf("[upstream]\n" + key + BackendText("x", "\"http://x\"", hash)).empty());
  CHECK(WarningsOf("[upstream]\n" + key + BackendText("x", "\"http://x\"", hash + key)).size() == 1);
  CHECK(WarningsOf(BackendText("x", "\"http://x\"", key + "balance = \"round_robin\"\n")) ==
        Texts{"a.conf:7:15: backend.balance_key is for balance = \"hash\", and balance is \"round_robin\": set that "
              "too, or remove it"});
  CHECK(WarningsOf("[upstream]\n" + hash + BackendText("x", "\"http://x\"", key)).empty());
}

TEST_CASE("a [[backend]] that no route leads to is told of") {
  CHECK(WarningsOf("[[backend]]\nname = \"x\"\nurl = \"http://x\"\n") ==
        Texts{"a.conf:2:8: no [[route]] leads to the backend \"x\": write backend = \"x\" in one, or remove it"});
  CHECK(WarningsOf(BackendText("x", "\"http://x\"")).empty());
}

}  // namespace
}  // namespace sheaf
