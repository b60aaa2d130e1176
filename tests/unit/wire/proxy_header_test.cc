// PROXY headers of both versions, whole, cut at every byte, and wrong in every place.
#include "proxy/wire/proxy_header.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf::wire {
namespace {

using namespace std::string_literals;
using Verdict = ProxyHeaderScan::Verdict;
using Source = ProxyHeaderScan::Source;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string kV4 = "\xC0\0\2\1\xC0\0\2\2\xDB\x94\1\xBB"s;  // 192.0.2.1 56212 to 192.0.2.2 443
const std::string kV6 = "\x20\1\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\1"s + std::string(16, '\2') + "\xDB\x94\1\xBB"s;

std::string Binary(char command, char family, const std::string& rest) {
  const auto length = static_cast<unsigned>(rest.size());
  return kSignature + command + family + static_cast<char>(length >> 8) + static_cast<char>(length & 0xFF) + rest;
}

std::string Triple(char type, const std::string& value) {
  return ""s + type + static_cast<char>(value.size() >> 8) + static_cast<char>(value.size() & 0xFF) + value;
}

std::string Ip(const ProxyHeaderScan& scan) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, scan.ip.data(), text, sizeof(text));
  return text;
}

struct Good {
  std::string header;
  Source source;
  std::string ip;
};

const std::vector<Good> kGood = {
    {"PROXY TCP4 192.0.2.1 192.0.2.2 56212 443\r\n", Source::kNamed, "::ffff:192.0.2.1"},
    {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Source::kNamed, "::ffff:255.255.255.255"},
    {"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", Source::kNamed, "::ffff:0.0.0.0"},
    {"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", Source::kNamed, "2001:db8::1"},
    {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
     Source::kNamed, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"PROXY UNKNOWN\r\n", Source::kUnnamed, "::"},
    // The longest that the specification has: 107 bytes.
    {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
     Source::kUnnamed, "::"},
    {Binary(0x21, 0x11, kV4), Source::kNamed, "::ffff:192.0.2.1"},
    {Binary(0x21, 0x12, kV4), Source::kNamed, "::ffff:192.0.2.1"},
    {Binary(0x21, 0x21, kV6), Source::kNamed, "2001:db8::1"},
    {Binary(0x21, 0x11, kV4 + Triple(4, "") + Triple(5, std::string(128, 'u'))), Source::kNamed, "::ffff:192.0.2.1"},
    {Binary(0x21, 0x11, kV4 + std::string(4096 - 16 - 12, '\0')), Source::kNamed, "::ffff:192.0.2.1"},
    {Binary(0x21, 0x31, std::string(216, '/')), Source::kUnnamed, "::"},
    {Binary(0x21, 0x00, ""), Source::kUnnamed, "::"},
    {Binary(0x21, 0x00, "ignored"), Source::kUnnamed, "::"},
    {Binary(0x21, 0x10, kV4), Source::kUnnamed, "::"},
    {Binary(0x20, 0x00, ""), Source::kLocal, "::"},
    {Binary(0x20, 0x11, kV4), Source::kLocal, "::"},
    {Binary(0x20, 0x7F, "whatever"), Source::kLocal, "::"},
};

}  // namespace

TEST_CASE("a header tells the client's address, and where the client's own bytes begin") {
  for (const Good& good : kGood) {
    CAPTURE(good.header);
    for (const std::string& rest : {""s, "GET / HTTP/1.1\r\n\r\n"s, good.header}) {
      const ProxyHeaderScan scan = ScanProxyHeader(good.header + rest);
      REQUIRE(scan.verdict == Verdict::kComplete);
      CHECK(scan.source == good.source);
      CHECK_EQ(scan.size, good.header.size());
      CHECK_EQ(Ip(scan), good.ip);
    }
  }
}

TEST_CASE("a header that is cut at any byte needs more") {
  for (const Good& good : kGood) {
    CAPTURE(good.header);
    for (size_t size = 0; size < good.header.size(); ++size) {
      CAPTURE(size);
      CHECK(ScanProxyHeader(good.header.substr(0, size)).verdict == Verdict::kNeedMore);
    }
  }
}

TEST_CASE("what is no header is refused at its first wrong byte") {
  for (const std::string& text : {"GET / HTTP/1.1\r\n"s, "\x16\3\1\2\0"s, "proxy TCP4"s, "PROXY\tTCP4"s, " PROXY "s,
                                  "\r\n\r\n\0\r\nQUIT\r"s, "\r\nGET"s, "PROXX"s, "\n"s, "\0"s}) {
    CAPTURE(text);
    size_t wrong = 1;
    while (ScanProxyHeader(text.substr(0, wrong)).verdict == Verdict::kNeedMore) {
      ++wrong;
      REQUIRE(wrong <= text.size());
    }
    const ProxyHeaderScan scan = ScanProxyHeader(text.substr(0, wrong));
    CHECK(scan.verdict == Verdict::kRefuse);
    CHECK_EQ(scan.fault, "no PROXY header");
    CHECK(("PROXY "s.starts_with(text.substr(0, wrong - 1)) || kSignature.starts_with(text.substr(0, wrong - 1))));
  }
}

TEST_CASE("a malformed line is refused, with what is wrong") {
  struct Row {
    std::string line;
    std::string fault;
  };
  const Row rows[] = {
      {"\r\n", "neither TCP4, TCP6 nor UNKNOWN"},
      {"UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "neither TCP4, TCP6 nor UNKNOWN"},
      {"UNKNOWNX\r\n", "neither TCP4, TCP6 nor UNKNOWN"},
      {"tcp4 192.0.2.1 192.0.2.2 1 2\r\n", "neither TCP4, TCP6 nor UNKNOWN"},
      {" TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "neither TCP4, TCP6 nor UNKNOWN"},
      {"TCP4\r\n", "not two addresses and two ports"},
      {"TCP4 192.0.2.1 192.0.2.2 1\r\n", "not two addresses and two ports"},
      {"TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", "not two addresses and two ports"},
      {"TCP4  192.0.2.1 192.0.2.2 1 2\r\n", "not two addresses and two ports"},
      {"TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", "not two addresses and two ports"},
      {"TCP4 192.0.2 192.0.2.2 1 2\r\n", "a malformed address"},
      {"TCP4 192.0.2.256 192.0.2.2 1 2\r\n", "a malformed address"},
      {"TCP4 192.0.02.1 192.0.2.2 1 2\r\n", "a malformed address"},
      {"TCP4 192.0.2.1 name 1 2\r\n", "a malformed address"},
      {"TCP4 ::1 ::1 1 2\r\n", "a malformed address"},
      {"TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "a malformed address"},
      {"TCP6 ::1%eth0 ::1 1 2\r\n", "a malformed address"},
      {"TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"s, "a malformed address"},
      {"TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", "a malformed port"},
      {"TCP4 192.0.2.1 192.0.2.2 1 02\r\n", "a malformed port"},
      {"TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", "a malformed port"},
      {"TCP4 192.0.2.1 192.0.2.2 1 +2\r\n", "a malformed port"},
      {"TCP4 192.0.2.1 192.0.2.2 1 2\n", "the line does not end in CRLF"},
      {"TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n", "the line does not end in CRLF"},
      {"UNKNOWN\n", "the line does not end in CRLF"},
      {"UNKNOWN " + std::string(94, 'x') + "\r\n", "the line is too long"},  // 108 bytes with "PROXY "
      {"UNKNOWN " + std::string(200, 'x'), "the line is too long"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const ProxyHeaderScan scan = ScanProxyHeader("PROXY " + row.line);
    CHECK(scan.verdict == Verdict::kRefuse);
    CHECK_EQ(scan.fault, row.fault);
  }
}

TEST_CASE("a malformed binary header is refused, with what is wrong") {
  struct Row {
    std::string header;
    std::string fault;
  };
  const Row rows[] = {
      {Binary(0x11, 0x11, kV4), "neither version 1 nor 2"},
      {Binary(0x31, 0x11, kV4), "neither version 1 nor 2"},
      {Binary(0x22, 0x11, kV4), "neither LOCAL nor PROXY"},
      {Binary(0x2F, 0x11, kV4), "neither LOCAL nor PROXY"},
      {Binary(0x21, 0x41, kV4), "an unknown address family"},
      {Binary(0x21, 0x13, kV4), "an unknown address family"},
      {Binary(0x21, 0x11, kV4.substr(1)), "shorter than its addresses"},
      {Binary(0x21, 0x21, kV4), "shorter than its addresses"},
      {Binary(0x21, 0x31, std::string(215, '/')), "shorter than its addresses"},
      {Binary(0x21, 0x11, kV4 + std::string(4096 - 16 - 11, '\0')), "over 4 KiB"},
      {Binary(0x20, 0x00, std::string(5000, '\0')), "over 4 KiB"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fault);
    const ProxyHeaderScan scan = ScanProxyHeader(row.header);
    CHECK(scan.verdict == Verdict::kRefuse);
    CHECK_EQ(scan.fault, row.fault);
    // As soon as the byte is there that is wrong: no more than the sixteen that every header has.
    CHECK(ScanProxyHeader(row.header.substr(0, 16)).verdict == Verdict::kRefuse);
  }
}

TEST_CASE("a checksum must be right, wherever it stands among the triples") {
  // By a table-driven implementation that gives 0xE3069283 for "123456789", the check value of CRC32c.
  const std::string before = Binary(0x21, 0x11, kV4 + Triple(5, "id") + Triple(3, "\0\0\0\0"s) + Triple(4, "pad"));
  const std::string checksum = "\xA3\xBD\xB0\x12"s;
  const size_t at = before.find(Triple(3, "\0\0\0\0"s)) + 3;
  std::string header = before;
  header.replace(at, 4, checksum);
  CHECK(ScanProxyHeader(header).verdict == Verdict::kComplete);
  for (size_t i = 16; i < header.size(); ++i) {
    const bool skips_checksum = i == 28 || i == 29 || i == 30 || (i >= 33 && i < at);  // a type or a length
    if (skips_checksum) continue;
    std::string wrong = header;
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    CAPTURE(i);
    CHECK_EQ(ScanProxyHeader(wrong).fault, "the checksum is wrong");
  }
}

TEST_CASE("triples that end beyond the header are skipped") {
  for (const std::string& rest : {"\5"s, "\5\0"s, "\5\xFF\xFF"s, "\3\0\4\0"s, "\3\0\5\0\0\0\0\0"s}) {
    CHECK(ScanProxyHeader(Binary(0x21, 0x11, kV4 + rest)).verdict == Verdict::kComplete);
  }
}

}  // namespace sheaf::wire
