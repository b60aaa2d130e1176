#include "batching/envelope_engineio.h"

#include "batching/envelope.h"

namespace sheaf::batching {
namespace {

constexpr char kSeparator = '\x1E';

// A message of Engine.IO that no attachments follow: those come as frames of their own right behind it.
bool IsPacketAlone(std::string_view text) {
  return text.starts_with('4') && !text.starts_with("45") && !text.starts_with("46");
}

class EngineIo : public Encoder {
 public:
  Verdict Examine(const Message& message) const override {
    if (!message.is_text()) return {};
    const bool has_separator = message.text().find(kSeparator) != std::string_view::npos;
    return {.carriable = !has_separator && IsPacketAlone(message.text()), .look_alike = has_separator};
  }

  // The separator may be anywhere.
  std::optional<Escape> EscapeLarge(wire::Opcode opcode, std::string_view /*beginning*/) const override {
    if (opcode != wire::Opcode::kText) return std::nullopt;
    return Escape({&kSeparator, 1}, {});
  }

  wire::Opcode Encode(std::span<const MessageRef> messages, std::string& out) const override {
    ReserveFrame(*this, messages, out);
    // In front of a single message it says that what follows is not split.
    if (messages.size() == 1) out += kSeparator;
    const size_t begin = out.size();
    for (const MessageRef& message : messages) {
      if (out.size() > begin) out += kSeparator;
      out += message->text();
    }
    return wire::Opcode::kText;
  }

  size_t Overhead(size_t count) const override { return count; }
};

}  // namespace

const Encoder& EngineIoEnvelope() {
  static const EngineIo envelope;
  return envelope;
}

}  // namespace sheaf::batching
