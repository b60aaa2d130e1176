// Records of a mux link as an app writes them (proxy/wire/mux_frame.md). Each function returns a whole record, or the
// payload of one; nothing stops a test from writing what is wrong.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/wire/little_endian.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/mux_writer.h"

namespace sheaf {

using MuxFieldList = std::vector<std::pair<std::string, std::string>>;
using MuxIds = std::vector<uint32_t>;

inline std::string MuxRecordOf(wire::MuxType type, uint32_t stream, std::string_view payload, uint8_t flags = 0) {
  std::array<uint8_t, wire::kMuxHeader> header;
  wire::WriteMuxHeader(header.data(), type, flags, stream, payload.size());
  return std::string(AsText(header)).append(payload);
}

inline std::string MuxHelloOf(const wire::MuxHello& hello) {
  std::string record;
  wire::AppendMuxHello(record, hello);
  return record;
}

inline std::string MuxFieldBlock(const MuxFieldList& fields) {
  std::string block;
  wire::AppendLittle(block, static_cast<uint16_t>(fields.size()));
  for (const auto& [name, value] : fields) {
    wire::AppendLittle(block, static_cast<uint16_t>(name.size()));
    wire::AppendLittle(block, static_cast<uint16_t>(value.size()));
  }
  for (const auto& [name, value] : fields) block.append(name).append(value);
  return block;
}

inline std::string MuxAcceptPayload(std::string_view subprotocol = "", const MuxFieldList& fields = {}) {
  std::string payload;
  wire::AppendLittle(payload, static_cast<uint16_t>(subprotocol.size()));
  return payload.append(subprotocol).append(MuxFieldBlock(fields));
}

inline std::string MuxAccept(uint32_t stream, std::string_view subprotocol = "", const MuxFieldList& fields = {}) {
  return MuxRecordOf(wire::MuxType::kAccept, stream, MuxAcceptPayload(subprotocol, fields));
}

inline std::string MuxRefuse(uint32_t stream, uint16_t status, const MuxFieldList& fields = {}, uint8_t flags = 0) {
  std::string payload;
  wire::AppendLittle(payload, status);
  return MuxRecordOf(wire::MuxType::kRefuse, stream, payload.append(MuxFieldBlock(fields)), flags);
}

inline std::string MuxBody(uint32_t stream, std::string_view data, uint8_t flags = 0) {
  return MuxRecordOf(wire::MuxType::kBody, stream, data, flags);
}

inline std::string MuxText(uint32_t stream, std::string_view text, uint8_t flags = 0) {
  return MuxRecordOf(wire::MuxType::kText, stream, text, flags);
}

inline std::string MuxBinary(uint32_t stream, std::string_view data, uint8_t flags = 0) {
  return MuxRecordOf(wire::MuxType::kBinary, stream, data, flags);
}

inline std::string MuxIdList(const MuxIds& ids) {
  std::string list;
  wire::AppendLittle(list, static_cast<uint32_t>(ids.size()));
  for (const uint32_t id : ids) wire::AppendLittle(list, id);
  return list;
}

inline std::string MuxMulticast(const MuxIds& ids, std::string_view text, uint8_t flags = 0) {
  return MuxRecordOf(wire::MuxType::kMulticast, 0, MuxIdList(ids).append(text), flags);
}

inline std::string MuxGroupOf(uint32_t group, const MuxIds& ids) {
  return MuxRecordOf(wire::MuxType::kGroup, group, MuxIdList(ids));
}

inline std::string MuxToGroup(uint32_t group, std::string_view text, uint8_t flags = 0) {
  return MuxRecordOf(wire::MuxType::kMulticast, group, text, static_cast<uint8_t>(flags | wire::kMuxGroup));
}

inline std::string MuxCredit(uint32_t stream, uint32_t bytes) {
  std::string payload;
  wire::AppendLittle(payload, bytes);
  return MuxRecordOf(wire::MuxType::kCredit, stream, payload);
}

inline std::string MuxClose(uint32_t stream, uint16_t code, std::string_view reason = "") {
  std::string payload;
  wire::AppendLittle(payload, code);
  return MuxRecordOf(wire::MuxType::kClose, stream, payload.append(reason));
}

inline std::string MuxGoawayOf(uint16_t reason) {
  std::string payload;
  wire::AppendLittle(payload, reason);
  return MuxRecordOf(wire::MuxType::kGoaway, 0, payload);
}

inline std::string MuxPingOf(wire::MuxType type, std::string_view eight_bytes) {
  return MuxRecordOf(type, 0, eight_bytes);
}

}  // namespace sheaf
