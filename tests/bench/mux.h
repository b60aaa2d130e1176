// As much of the mux protocol (proxy/wire/mux_frame.md) as a backend of the benchmark needs: the records of a frame,
// and the session that an OPEN asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sheaf::bench {

enum class MuxType : uint8_t {
  kHello = 0,
  kOpen = 1,
  kAccept = 2,
  kText = 5,
  kMulticast = 7,
  kGroup = 8,
  kCredit = 9,
  kClose = 10,
  kPing = 12,
  kPong = 13
};

struct MuxRecord {
  MuxType type = MuxType::kHello;
  uint32_t stream = 0;       // 0: the link
  std::string_view payload;  // lies in the frame
};

// What a record of data with so many bytes of payload costs of a window.
constexpr uint32_t MuxCharge(size_t payload) {
  return payload < 8 ? 8 : static_cast<uint32_t>(payload);
}

// Takes the first record off the frame; nothing when the frame is empty or ends amid a record, which is then left in
// it.
std::optional<MuxRecord> TakeRecord(std::string_view& frame);

void AppendRecord(std::string& frame, MuxType type, uint32_t stream, std::string_view payload);
// Names these sessions, whose streams ascend; `group` is from 1 to 64.
void AppendGroup(std::string& frame, uint32_t group, std::span<const uint32_t> streams);
// One text for all sessions of a group.
void AppendMulticast(std::string& frame, uint32_t group, std::string_view text);
// HELLO of version 1 with windows of `window` bytes for the link and each session.
void AppendHello(std::string& frame, uint32_t window);
void AppendCredit(std::string& frame, uint32_t stream, uint32_t bytes);

// What the other side's HELLO says of the bytes that may be under way to a session of its; nothing: it is no HELLO.
std::optional<uint32_t> SessionWindow(std::string_view hello);
// The bytes that a CREDIT gives; 0: it is none.
uint32_t CreditBytes(std::string_view credit);
// Path and query that an OPEN asks for; empty: it is none.
std::string_view OpenTarget(std::string_view open);

}  // namespace sheaf::bench
