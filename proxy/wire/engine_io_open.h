// The OPEN packet at the beginning of a polling body, in all forms that servers write:
//
//   0{"sid":...}                       protocol 4, then U+001E and more packets
//   97:0{"sid":...}2:40                protocol 3
//   00 01 00 09 FF 0{"sid":...}        protocol 3 with binary: one byte a digit
//   ___eio[0]("0{\"sid\":...}");       JSONP around either
//
// For proxy/wire/engine_io.cc only. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sheaf::wire {

struct OpenScan {
  enum class Verdict : uint8_t { kNeedMore, kNone, kComplete };

  Verdict verdict = Verdict::kNeedMore;
  std::string sid;  // of kComplete; empty: there is none, or one with escapes
  double ping_interval_ms = 25'000;
  double ping_timeout_ms = 20'000;
};

// `body`: from its first byte on. The last of members of one name counts, as in every reader of JSON. The length before
// a packet of protocol 3 is not compared: servers count bytes or UTF-16 units.
OpenScan ScanOpenPacket(std::string_view body);

}  // namespace sheaf::wire
