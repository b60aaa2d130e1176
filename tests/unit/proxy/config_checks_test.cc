#include <doctest/doctest.h>

#include "proxy/config/checks.h"
#include "tests/unit/proxy/config_loading.h"
#include "tests/unit/proxy/test_certificate.h"

namespace sheaf {
namespace {

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

}  // namespace
}  // namespace sheaf
