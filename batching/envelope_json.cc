#include "batching/envelope_json.h"

#include <rapidjson/writer.h>

#include "batching/envelope.h"
#include "batching/json.h"

namespace sheaf::batching {
namespace {

constexpr std::string_view kPrefix = R"({"type":"batch","batch_size":)";
constexpr std::string_view kMessages = R"(,"messages":[)";
constexpr std::string_view kMessagesEnd = "]}";
constexpr std::string_view kText = R"(1,"text":)";
constexpr std::string_view kTextBegin = R"({"type":"batch","batch_size":1,"text":")";
constexpr std::string_view kTextEnd = R"("})";

// What RapidJSON writes to.
struct Appender {
  using Ch = char;
  void Put(Ch c) { out += c; }
  void Flush() {}
  std::string& out;
};

void AppendString(std::string_view text, std::string& out) {
  Appender appender{out};
  rapidjson::Writer<Appender> writer(appender);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

class Json : public Encoder {
 public:
  Verdict Examine(const Message& message) const override {
    if (!message.is_text()) return {};
    return {.carriable = IsJson(message.text()), .look_alike = message.text().starts_with(kPrefix)};
  }

  std::optional<Escape> EscapeLarge(wire::Opcode opcode, std::string_view beginning) const override {
    if (opcode != wire::Opcode::kText || !beginning.starts_with(kPrefix)) return std::nullopt;
    return Escape(kTextBegin, kTextEnd, true);
  }

  wire::Opcode Encode(std::span<const MessageRef> messages, std::string& out) const override {
    ReserveFrame(*this, messages, out);
    out += kPrefix;
    if (messages.size() == 1 && !IsJson(messages[0]->text())) {
      out += kText;
      AppendString(messages[0]->text(), out);
      out += '}';
      return wire::Opcode::kText;
    }
    AppendCount(out, messages.size());
    out += kMessages;
    for (size_t i = 0; i < messages.size(); ++i) {
      out += messages[i]->text();
      out += i + 1 < messages.size() ? "," : kMessagesEnd;
    }
    return wire::Opcode::kText;
  }

  size_t Overhead(size_t count) const override {
    return kPrefix.size() + kMaxCountSize + kMessages.size() + count + kMessagesEnd.size();
  }
};

}  // namespace

const Encoder& JsonEnvelope() {
  static const Json envelope;
  return envelope;
}

}  // namespace sheaf::batching
