#include "batching/envelope_binary.h"

#include "batching/envelope.h"

namespace sheaf::batching {
namespace {

constexpr std::string_view kMagic = "SHF\x01";
constexpr uint32_t kBinaryBit = uint32_t{1} << 31;
constexpr size_t kLengthSize = 4;
// One binary message that is the rest of the frame: no other has this length.
constexpr std::string_view kOpenRecord = "SHF\x01\xFF\xFF\xFF\xFF";

void AppendLength(const Message& message, std::string& out) {
  const uint32_t length = static_cast<uint32_t>(message.size()) | (message.is_text() ? 0 : kBinaryBit);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xFF);
}

class Binary : public Encoder {
 public:
  Verdict Examine(const Message& message) const override {
    return {.carriable = message.size() < kBinaryBit - 1,
            .look_alike = !message.is_text() && message.text().starts_with(kMagic)};
  }

  std::optional<Escape> EscapeLarge(wire::Opcode opcode, std::string_view beginning) const override {
    if (opcode != wire::Opcode::kBinary || !beginning.starts_with(kMagic)) return std::nullopt;
    return Escape(kOpenRecord, {});
  }

  wire::Opcode Encode(std::span<const MessageRef> messages, std::string& out) const override {
    ReserveFrame(*this, messages, out);
    out += kMagic;
    for (const MessageRef& message : messages) {
      AppendLength(*message, out);
      out += message->text();
    }
    return wire::Opcode::kBinary;
  }

  size_t Overhead(size_t count) const override { return kMagic.size() + kLengthSize * count; }
};

}  // namespace

const Encoder& BinaryEnvelope() {
  static const Binary envelope;
  return envelope;
}

}  // namespace sheaf::batching
