// Certificates for tests, made on the spot: no private key lies in the repository.
#pragma once

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <string>

namespace sheaf {

struct TestCertificate {
  std::string certificate_path;
  std::string key_path;
};

// Writes <prefix>.crt and <prefix>.key: a new EC key and a certificate for "localhost", signed by itself, valid for so
// many seconds.
inline TestCertificate WriteTestCertificate(const std::string& prefix, long seconds = 24L * 60 * 60) {
  TestCertificate paths{prefix + ".crt", prefix + ".key"};
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0);
  std::FILE* file = std::fopen(paths.certificate_path.c_str(), "w");
  REQUIRE(file != nullptr);
  CHECK(PEM_write_X509(file, certificate) == 1);
  std::fclose(file);
  file = std::fopen(paths.key_path.c_str(), "w");
  REQUIRE(file != nullptr);
  CHECK(PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return paths;
}

}  // namespace sheaf
