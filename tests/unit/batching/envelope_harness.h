// From a sequence of messages to frames and back, for the unit tests and the fuzz target.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "batching/encoder.h"
#include "batching/message.h"
#include "tests/unit/batching/reference_decoders.h"

namespace sheaf::batching {

using reference::Piece;
using reference::Pieces;

struct Encoded {
  Pieces frames;
  size_t batches = 0;  // frames of several messages
  size_t wrapped = 0;  // frames of one look-alike
};

// All messages leave at once, without limits.
inline Encoded EncodeAll(const Encoder& encoder, std::span<const MessageRef> messages) {
  Encoded result;
  const auto carriable = [&](size_t i) { return encoder.Examine(*messages[i]).carriable; };
  for (size_t begin = 0, end = 0; begin < messages.size(); begin = end) {
    end = begin + 1;
    while (carriable(begin) && end < messages.size() && carriable(end) &&
           encoder.MayShare(*messages[begin], *messages[end])) {
      ++end;
    }
    const Message& first = *messages[begin];
    if (end == begin + 1 && !encoder.Examine(first).look_alike) {
      result.frames.push_back({first.is_text(), std::string(first.text())});
      continue;
    }
    std::string payload;
    const wire::Opcode opcode = encoder.Encode(messages.subspan(begin, end - begin), payload);
    result.frames.push_back({opcode == wire::Opcode::kText, payload});
    ++(end == begin + 1 ? result.wrapped : result.batches);
  }
  return result;
}

inline std::vector<MessageRef> Intern(MessageStore& store, const Pieces& messages) {
  std::vector<MessageRef> refs;
  for (const Piece& piece : messages) {
    refs.push_back(store.Intern(piece.is_text ? wire::Opcode::kText : wire::Opcode::kBinary, piece.data));
  }
  return refs;
}

// nullopt: a decoder must give up the connection.
inline std::optional<Pieces> Decode(Envelope envelope, const Piece& frame) {
  switch (envelope) {
    case Envelope::kJson:
      return reference::DecodeJson(frame);
    case Envelope::kBinary:
      return reference::DecodeBinary(frame);
    case Envelope::kEngineIo:
      return reference::DecodeEngineIo(frame);
    case Envelope::kSocketIoEvent:
      break;
  }
  return reference::DecodeSocketIoEvent(frame);
}

inline std::optional<Pieces> DecodeAll(Envelope envelope, const Pieces& frames) {
  Pieces messages;
  for (const Piece& frame : frames) {
    const std::optional<Pieces> decoded = Decode(envelope, frame);
    if (!decoded) return std::nullopt;
    messages.insert(messages.end(), decoded->begin(), decoded->end());
  }
  return messages;
}

// What decoded messages are compared with.
inline Pieces Expected(Envelope envelope, Pieces messages) {
  if (envelope != Envelope::kSocketIoEvent) return messages;
  for (Piece& message : messages) message = reference::Canonical(message);
  return messages;
}

}  // namespace sheaf::batching
