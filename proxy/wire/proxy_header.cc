#include "proxy/wire/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "proxy/base/units.h"

namespace sheaf::wire {
namespace {

using Scan = ProxyHeaderScan;
using Ip = std::array<uint8_t, 16>;
using namespace std::string_view_literals;

constexpr std::string_view kPrefix1 = "PROXY ";
constexpr size_t kLongestLine = 107;
constexpr std::string_view kSignature2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr size_t kFixed2 = 16;  // signature, command, family, length

Scan Refuse(std::string_view fault) {
  return {.verdict = Scan::Verdict::kRefuse, .source = Scan::Source::kUnnamed, .size = 0, .ip = {}, .fault = fault};
}

Scan Complete(Scan::Source source, size_t size, const Ip& ip = {}) {
  return {.verdict = Scan::Verdict::kComplete, .source = source, .size = size, .ip = ip, .fault = {}};
}

// What has come of `prefix` is right so far.
bool Begins(std::string_view received, std::string_view prefix) {
  const size_t size = std::min(received.size(), prefix.size());
  return received.substr(0, size) == prefix.substr(0, size);
}

Ip MappedIpv4(std::string_view bytes) {
  Ip ip{};
  ip[10] = ip[11] = 0xFF;
  std::memcpy(&ip[12], bytes.data(), 4);
  return ip;
}

// ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"

std::optional<Ip> ParseAddress(std::string_view text, bool ipv6) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;  // inet_pton would stop there
  Ip ip{};
  if (ipv6) return inet_pton(AF_INET6, copy.c_str(), ip.data()) == 1 ? std::optional(ip) : std::nullopt;
  std::array<char, 4> v4{};
  if (inet_pton(AF_INET, copy.c_str(), v4.data()) != 1) return std::nullopt;
  return MappedIpv4({v4.data(), v4.size()});
}

bool IsPort(std::string_view text) {
  const std::optional<uint64_t> port = ParseNumber(text);
  return port && *port <= 65535 && (text.size() == 1 || text.front() != '0');
}

// The text before the next space, which is taken off with it; the rest where there is none.
std::string_view TakeWord(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

// `line`: without the prefix and the end. `size`: with both.
Scan ParseLine(std::string_view line, size_t size) {
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return Complete(Scan::Source::kUnnamed, size);
  const std::string_view family = TakeWord(line);
  if (family != "TCP4" && family != "TCP6") return Refuse("neither TCP4, TCP6 nor UNKNOWN");
  const bool ipv6 = family == "TCP6";
  if (std::count(line.begin(), line.end(), ' ') != 3) return Refuse("not two addresses and two ports");
  const std::optional<Ip> source = ParseAddress(TakeWord(line), ipv6);
  const std::optional<Ip> destination = ParseAddress(TakeWord(line), ipv6);
  if (!source || !destination) return Refuse("a malformed address");
  if (!IsPort(TakeWord(line)) || !IsPort(line)) return Refuse("a malformed port");
  return Complete(Scan::Source::kNamed, size, *source);
}

Scan ScanLine(std::string_view received) {
  const std::string_view bounded = received.substr(0, kLongestLine);
  const size_t end = bounded.find_first_of("\r\n"sv);
  if (end == std::string_view::npos) return bounded.size() < kLongestLine ? Scan{} : Refuse("the line is too long");
  if (bounded[end] == '\n') return Refuse("the line does not end in CRLF");
  if (end + 1 == bounded.size()) return bounded.size() < kLongestLine ? Scan{} : Refuse("the line is too long");
  if (bounded[end + 1] != '\n') return Refuse("the line does not end in CRLF");
  return ParseLine(bounded.substr(kPrefix1.size(), end - kPrefix1.size()), end + 2);
}

// ---- version 2

uint8_t ByteAt(std::string_view bytes, size_t index) {
  return static_cast<uint8_t>(bytes[index]);
}

size_t LengthAt(std::string_view bytes, size_t index) {
  return static_cast<size_t>(ByteAt(bytes, index) << 8 | ByteAt(bytes, index + 1));
}

// CRC32c (RFC 4960, appendix B) of the header with zeros in place of its checksum, which stands at `checksum`.
uint32_t Crc32c(std::string_view header, size_t checksum) {
  constexpr uint32_t kPolynomial = 0x82F63B78;
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < header.size(); ++i) {
    crc ^= i >= checksum && i < checksum + 4 ? 0U : ByteAt(header, i);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0U);
  }
  return ~crc;
}

// `at`: where the type-length-value triples begin.
bool ChecksumHolds(std::string_view header, size_t at) {
  constexpr uint8_t kChecksum = 3;
  while (at + 3 <= header.size()) {
    const size_t length = LengthAt(header, at + 1);
    const size_t value = at + 3;
    if (ByteAt(header, at) == kChecksum && length == 4 && value + 4 <= header.size()) {
      const auto told = static_cast<uint32_t>(LengthAt(header, value) << 16 | LengthAt(header, value + 2));
      return told == Crc32c(header, value);
    }
    at = value + length;
  }
  return true;
}

// Behind the signature: version and command, family and transport, length. Each by itself, since the header may come
// byte by byte.
constexpr size_t kCommandAt = 12;
constexpr size_t kFamilyAt = 13;
constexpr size_t kLengthAt = 14;

bool IsLocal(std::string_view received) {
  return (ByteAt(received, kCommandAt) & 0x0F) == 0;
}

std::string_view FaultAtStart(std::string_view received) {
  if (received.size() <= kCommandAt) return {};
  if ((ByteAt(received, kCommandAt) & 0xF0) != 0x20) return "neither version 1 nor 2";
  if ((ByteAt(received, kCommandAt) & 0x0F) > 1) return "neither LOCAL nor PROXY";
  // LOCAL has its addresses ignored, and their family with them.
  if (received.size() <= kFamilyAt || IsLocal(received)) return {};
  const uint8_t family = ByteAt(received, kFamilyAt);
  return family >> 4 > 3 || (family & 0x0F) > 2 ? "an unknown address family" : std::string_view();
}

// `addresses`: those of a complete header. AF_UNIX's are paths.
Scan TakeAddress(uint8_t family, std::string_view addresses, size_t size) {
  const bool has_transport = (family & 0x0F) != 0;
  if (has_transport && family >> 4 == 1) return Complete(Scan::Source::kNamed, size, MappedIpv4(addresses));
  if (!has_transport || family >> 4 != 2) return Complete(Scan::Source::kUnnamed, size);
  Ip ip{};
  std::memcpy(ip.data(), addresses.data(), ip.size());
  return Complete(Scan::Source::kNamed, size, ip);
}

Scan ScanBinary(std::string_view received) {
  if (const std::string_view fault = FaultAtStart(received); !fault.empty()) return Refuse(fault);
  if (received.size() < kFixed2) return {};
  const size_t size = kFixed2 + LengthAt(received, kLengthAt);
  if (size > kLongestProxyHeader) return Refuse("over 4 KiB");
  constexpr std::array<size_t, 4> kAddressBytes = {0, 12, 36, 216};  // AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX
  const uint8_t family = IsLocal(received) ? 0 : ByteAt(received, kFamilyAt);
  const size_t triples = kFixed2 + kAddressBytes[family >> 4];
  if (size < triples) return Refuse("shorter than its addresses");
  if (received.size() < size) return {};
  if (IsLocal(received)) return Complete(Scan::Source::kLocal, size);
  if (!ChecksumHolds(received.substr(0, size), triples)) return Refuse("the checksum is wrong");
  return TakeAddress(family, received.substr(kFixed2), size);
}

}  // namespace

ProxyHeaderScan ScanProxyHeader(std::string_view received) {
  if (Begins(received, kPrefix1)) return ScanLine(received);
  if (Begins(received, kSignature2)) return ScanBinary(received);
  return Refuse("no PROXY header");
}

}  // namespace sheaf::wire
