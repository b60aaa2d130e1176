// Mux records that the proxy sends (mux_frame.md), appended whole. TEXT and BINARY are a header alone (WriteMuxHeader),
// since their payload stays where it is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/wire/field_lines.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/mux_payload.h"

namespace sheaf::wire {

// What a client asks for. Views: who asks owns it.
struct MuxOpen {
  bool secure = false;        // wss
  uint8_t minor_version = 1;  // of the client's HTTP/1.x
  uint16_t port = 0;          // 0: not known
  std::string_view address;   // empty: not known
  std::string_view target;    // not empty
  const FieldLines& fields;   // end to end; those that ask for the upgrade are added
};

enum class MuxGoaway : uint16_t { kNone, kOld, kProcessEnds, kDrained };

void AppendMuxHello(std::string& out, const MuxHello& hello);

// Appends the OPEN in as many records as it takes, none over kMuxMaxPayloadUp. Returns the bytes of all their payloads,
// which the link's window counts, or 0 where it is longer than the protocol can say: nothing is appended then. Together
// the records may be longer than a frame.
[[nodiscard]] size_t AppendMuxOpen(std::string& out, uint32_t stream, const MuxOpen& open);

// `bytes`: 1 to kMuxMaxCredit.
void AppendMuxCredit(std::string& out, uint32_t stream, uint32_t bytes);
// `code`: 1005, 1006, or one that a Close frame may have. `reason`: UTF-8, cut as FittingCloseReason does.
void AppendMuxClose(std::string& out, uint32_t stream, uint16_t code, std::string_view reason);
void AppendMuxGoaway(std::string& out, MuxGoaway reason);
// `type`: kPing, or kPong with the bytes of a ping.
void AppendMuxPing(std::string& out, MuxType type, std::span<const uint8_t, 8> payload);

}  // namespace sheaf::wire
