// The PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy): what a proxy in front sends ahead of all else
// on a connection, to say whose it is. Pure.
//
//   const ProxyHeaderScan scan = ScanProxyHeader(received);     // all that has come so far
//   if (scan.verdict == ProxyHeaderScan::Verdict::kComplete) ...   // received.substr(scan.size) is the client's
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sheaf::wire {

// A version 1 line, its end included, has at most 107 bytes. Version 2 could say 64 KiB of type-length-value triples,
// of which real ones take some hundred bytes.
inline constexpr size_t kLongestProxyHeader = 4096;

struct ProxyHeaderScan {
  enum class Verdict : uint8_t { kNeedMore, kComplete, kRefuse };
  enum class Source : uint8_t {
    kNamed,    // `ip` is the client's address
    kUnnamed,  // somebody's connection, whose address the proxy does not tell (UNKNOWN, AF_UNSPEC, AF_UNIX)
    kLocal,    // the proxy's own: a health check
  };

  Verdict verdict = Verdict::kNeedMore;
  Source source = Source::kUnnamed;
  size_t size = 0;               // bytes of a complete header
  std::array<uint8_t, 16> ip{};  // IPv4 as IPv4-mapped IPv6
  std::string_view fault;        // of kRefuse, for the log
};

// `received`: from the connection's first byte on; anything else than a header is refused at its first wrong byte. A
// checksum is verified where there is one; other type-length-value triples are skipped.
ProxyHeaderScan ScanProxyHeader(std::string_view received);

}  // namespace sheaf::wire
