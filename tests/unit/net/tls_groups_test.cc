// Which key exchange clients of several kinds get. What needs X25519MLKEM768 is run where OpenSSL has it (3.5).
#include "proxy/net/tls_groups.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/tls_context.h"
#include "proxy/net/tls_stream.h"
#include "tests/fakes/memory_tls.h"
#include "tests/unit/proxy/test_certificate.h"

namespace sheaf::net {
namespace {

using Groups = std::vector<std::string>;

constexpr char kPostQuantum[] = "X25519MLKEM768";

// The number of the group in TLS (RFC 8446, 4.2.7) that a client with these `offers` (OpenSSL's default, if empty) gets
// of a server with these `groups`; 0: none.
int Negotiate(const Groups& groups, const std::string& offers = "") {
  const TestCertificate files = WriteTestCertificate("/tmp/sheaf-groups-test-" + std::to_string(getpid()));
  const auto context = TlsContext::ForServer(files.certificate_path, files.key_path, groups);
  std::remove(files.certificate_path.c_str());
  std::remove(files.key_path.c_str());
  REQUIRE(context.ok());
  TlsScratch scratch;
  const std::unique_ptr<TlsStream> stream = TlsStream::Accept(scratch, *context.value());
  MemoryTlsClient client;
  if (!offers.empty()) REQUIRE(SSL_set1_groups_list(client.ssl(), offers.c_str()) == 1);
  client.Talk(scratch, *stream);
  if (!client.established()) return 0;
  // OpenSSL has numbers of its own for the older ones.
  const auto group = static_cast<int>(SSL_get_negotiated_group(client.ssl()));
  if (group == NID_X25519) return 29;
  if (group == NID_X9_62_prime256v1) return 23;
  if (group == NID_secp384r1) return 24;
  return group & 0xFFFF;
}

TEST_CASE("clients get X25519 unless they want it otherwise, and nobody is left out") {
  CHECK(Negotiate({}) == 29);
  CHECK(Negotiate({}, "P-256:X25519") == 23);  // the key that came with the hello saves a round
  for (const char* alone : {"X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048", "ffdhe3072"}) {
    CAPTURE(alone);
    CHECK(Negotiate({}, alone) != 0);
  }
}

TEST_CASE("groups that are named are the only ones, the first that both have is taken") {
  CHECK(Negotiate({"P-384", "P-256"}) == 24);
  CHECK(Negotiate({"secp256r1"}, "X25519:P-256") == 23);
  CHECK(Negotiate({"P-384"}, "X25519:P-256") == 0);
}

TEST_CASE("what OpenSSL does not know, or has had already, is passed over") {
  CHECK(Negotiate({"none", "P-256", "secp256r1", "P-256"}) == 23);
}

TEST_CASE("names are names alone") {
  for (const char* known : {"X25519", "P-256", "secp384r1"}) CHECK(KnowsGroup(known));
  for (const char* none : {"", "none", "X25519:P-256", "?X25519", "*X25519", " X25519"}) CHECK_FALSE(KnowsGroup(none));
}

TEST_CASE("a post-quantum exchange is for clients that send no other key, or for all when it is named first") {
  if (!KnowsGroup(kPostQuantum)) return;
  constexpr int kNumber = 0x11EC;
  CHECK(Negotiate({}, kPostQuantum) == kNumber);
  CHECK(Negotiate({}, std::string("*") + kPostQuantum + ":X25519") == kNumber);
  CHECK(Negotiate({kPostQuantum, "X25519"}) == kNumber);
  CHECK(Negotiate({kPostQuantum, "X25519"}, "X25519") == 29);
}

}  // namespace
}  // namespace sheaf::net
