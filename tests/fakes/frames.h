// WebSocket frames for tests, and their reading.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/wire/ws_frame.h"

namespace sheaf {

inline constexpr uint8_t kClientKey[4] = {0x37, 0xFA, 0x21, 0x3D};

inline std::string ServerFrame(wire::Opcode opcode, std::string_view payload, bool fin = true) {
  std::string frame;
  wire::AppendFrameHeader(frame, opcode, fin, payload.size());
  return frame.append(payload);
}

inline std::string ServerClose(uint16_t code, std::string_view reason) {
  std::string frame;
  wire::AppendCloseFrame(frame, code, reason);
  return frame;
}

inline std::string ClientFrame(wire::Opcode opcode, std::string_view payload, bool fin = true) {
  std::string frame;
  wire::AppendFrameHeader(frame, opcode, fin, payload.size(), kClientKey);
  std::string masked(payload);
  uint32_t key = 0;
  std::memcpy(&key, kClientKey, sizeof(key));
  wire::ApplyMask({reinterpret_cast<uint8_t*>(masked.data()), masked.size()}, key);
  return frame + masked;
}

// The payload of a part, unmasked; of a run that of each message.
inline std::vector<std::string> PayloadsOf(const wire::MessagePart& part, wire::FrameSource source) {
  static const wire::FrameLimits limits;
  wire::FrameDecoder decoder(source, limits);
  std::vector<uint8_t> copy(part.wire.begin(), part.wire.end());
  std::span<uint8_t> input = copy;
  std::vector<std::string> payloads;
  const auto take = [&payloads](const wire::MessagePart& one) {
    std::string payload(one.payload.begin(), one.payload.end());
    wire::ApplyMask({reinterpret_cast<uint8_t*>(payload.data()), payload.size()}, one.mask);
    payloads.push_back(std::move(payload));
  };
  while (payloads.size() < part.before.messages) take(decoder.Next(input));
  take(part);
  return payloads;
}

// What a server sees in `bytes`, which must be whole masked frames: "pong hello", "close 1000 bye", "text hello"...
inline std::vector<std::string> ReadAsServer(std::string_view bytes) {
  static const wire::FrameLimits limits;
  wire::FrameDecoder decoder(wire::FrameSource::kClient, limits);
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  std::span<uint8_t> input = copy;
  std::vector<std::string> seen;
  for (;;) {
    const wire::FramePiece piece = decoder.Next(input);
    std::string payload(piece.payload.begin(), piece.payload.end());
    switch (piece.kind) {
      case wire::FramePiece::Kind::kNeedMore:
        if (!decoder.at_frame_boundary()) seen.push_back("half a frame");
        return seen;
      case wire::FramePiece::Kind::kData:
        wire::ApplyMask({reinterpret_cast<uint8_t*>(payload.data()), payload.size()}, piece.mask);
        seen.push_back((piece.opcode == wire::Opcode::kText ? "text " : "binary ") + payload);
        break;
      case wire::FramePiece::Kind::kPing:
        seen.push_back("ping " + payload);
        break;
      case wire::FramePiece::Kind::kPong:
        seen.push_back("pong " + payload);
        break;
      case wire::FramePiece::Kind::kClose:
        seen.push_back("close " + std::to_string(piece.close_code) + " " + payload);
        break;
      case wire::FramePiece::Kind::kError:
        seen.push_back("error");
        return seen;
    }
  }
}

// What a client sees: whole messages as "text hello", a Close as "close 1000 bye", what has not ended as "half ...".
inline std::vector<std::string> ReadAsClient(std::string_view bytes) {
  static const wire::FrameLimits limits;
  wire::FrameDecoder decoder(wire::FrameSource::kServer, limits);
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  std::span<uint8_t> input = copy;
  std::vector<std::string> seen;
  std::string message;
  bool amid_message = false;
  for (;;) {
    const wire::FramePiece piece = decoder.Next(input);
    const std::string payload(piece.payload.begin(), piece.payload.end());
    switch (piece.kind) {
      case wire::FramePiece::Kind::kNeedMore:
        if (amid_message) seen.push_back("half " + message);
        return seen;
      case wire::FramePiece::Kind::kData:
        message += payload;
        amid_message = !piece.last;
        if (piece.last) seen.push_back("text " + std::exchange(message, ""));
        break;
      case wire::FramePiece::Kind::kClose:
        if (std::exchange(amid_message, false)) seen.push_back("half " + message);
        seen.push_back("close " + std::to_string(piece.close_code) + " " + payload);
        break;
      case wire::FramePiece::Kind::kError:
        seen.push_back("error");
        return seen;
      default:
        seen.push_back("control");
    }
  }
}

}  // namespace sheaf
