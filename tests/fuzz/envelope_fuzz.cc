// The envelopes and the packet functions. First byte: the envelope. The rest: messages, each behind a byte that says
// its type and how long it is.
#include <algorithm>

#include "batching/json.h"
#include "batching/packet.h"
#include "tests/fuzz/fuzz_util.h"
#include "tests/unit/batching/envelope_harness.h"
#include "tests/unit/batching/reference_json.h"

namespace sheaf::batching {
namespace {

using wire::Require;
using wire::TakeByte;

Pieces TakeMessages(std::string_view input) {
  Pieces messages;
  while (!input.empty()) {
    const uint8_t choice = TakeByte(input);
    const size_t size = std::min<size_t>(choice >> 1, input.size());
    // The last one may be long.
    const std::string_view data = choice == 0xFF ? input : input.substr(0, size);
    input.remove_prefix(data.size());
    // The backend's texts were checked where they came in.
    messages.push_back({(choice & 1) != 0 && reference::IsUtf8(data), std::string(data)});
  }
  return messages;
}

void CheckLaw(Envelope envelope, const Pieces& messages) {
  MessageStore store;
  const Encoder& encoder = EncoderFor(envelope);
  const std::vector<MessageRef> refs = Intern(store, messages);
  for (const MessageRef& message : refs) {
    const std::string_view beginning = message->text().substr(0, kBeginning);
    Require(!encoder.Examine(*message).look_alike || encoder.EscapeLarge(message->opcode(), beginning).has_value());
  }
  const Encoded encoded = EncodeAll(encoder, refs);
  const std::optional<Pieces> decoded = DecodeAll(envelope, encoded.frames);
  Require(decoded.has_value());
  Require(*decoded == Expected(envelope, messages));
}

void RequireWithin(std::string_view part, std::string_view whole) {
  Require(part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size()));
}

void CheckPacketFunctions(std::string_view text, const std::vector<std::string>& tokens) {
  if (const auto packet = ParseEventPacket(text)) {
    RequireWithin(packet->json, text);
    Require(packet->json.starts_with('['));
  }
  RequireWithin(EventNameToken(text), text);
  if (const auto value = FindValue(text, tokens)) {
    RequireWithin(*value, text);
    if (IsJson(text)) Require(IsJson(*value));
  }
  Require(IsJson(text) == reference::IsJson(text));
  if (IsJson(text)) {
    Require(IsJson("[" + std::string(text) + "," + std::string(text) + "]", kMaxDepth + 1));
    Require(FindValue(text, {}).has_value());
  }
  if (const auto decoded = DecodeString(text)) Require(IsJson(text) && reference::Unquote(text) == decoded);
}

}  // namespace
}  // namespace sheaf::batching

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf::batching;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto envelope = static_cast<sheaf::Envelope>(TakeByte(input) % 4);
  CheckLaw(envelope, TakeMessages(input));

  const size_t line = std::min(input.find('\n'), input.size());
  const auto tokens = ParsePointer(input.substr(0, line));
  CheckPacketFunctions(input.substr(std::min(line + 1, input.size())), tokens.value_or(std::vector<std::string>{"a"}));
  return 0;
}
