#include "batching/envelope_socketio_event.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>

#include "batching/envelope.h"
#include "batching/json.h"
#include "batching/packet_scan.h"

namespace sheaf::batching {
namespace {

constexpr std::string_view kBatch = "batch";
constexpr std::string_view kPrefix = R"(["batch",{"type":"batch","batch_size":)";
constexpr std::string_view kMessages = R"(,"messages":[)";
constexpr std::string_view kEvent = R"({"event":)";
constexpr std::string_view kData = R"(,"data":)";
constexpr std::string_view kEntryEnd = "}";
constexpr std::string_view kEnd = "]}]";
constexpr std::string_view kWholeBegin = R"(["batch",{"type":"batch","batch_size":1,"messages":[)";

// socket.io-parser takes events of these names for broken packets.
constexpr std::array<std::string_view, 6> kRefused = {"connect",       "connect_error", "disconnect",
                                                      "disconnecting", "newListener",   "removeListener"};

bool IsEvent(std::string_view text) {
  return text.starts_with("42");
}

// The type of an EVENT or BINARY_EVENT packet, with the number of its attachments: `42`, or `45<n>-`. Empty for others.
std::string_view TypeOf(std::string_view text) {
  if (IsEvent(text)) return text.substr(0, 2);
  if (!text.starts_with("45")) return {};
  const size_t dash = std::min(text.find_first_not_of("0123456789", 2), text.size());
  if (dash == 2 || dash == text.size() || text[dash] != '-') return {};
  return text.substr(0, dash + 1);
}

// An event without acknowledgement id, cut in front of the bracket of its JSON.
struct Event {
  std::string_view head;
  std::string_view json;
};
std::optional<Event> ParseEvent(std::string_view text) {
  const std::string_view type = TypeOf(text);
  if (type.empty()) return std::nullopt;
  const std::optional<EventPacket> packet = ParseEventRest(text.substr(type.size()));
  if (!packet || packet->has_ack) return std::nullopt;
  return Event{text.substr(0, text.size() - packet->json.size()), packet->json};
}

// The name with its escapes resolved, in `buffer` if it has any. Half a surrogate pair gives another name than all that
// are asked for here.
std::string_view NameOf(const NamedArgument& named, std::string& buffer) {
  const std::string_view inner = named.name.substr(1, named.name.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return inner;
  buffer = DecodeString(named.name).value_or("");
  return buffer;
}

class SocketIoEvent : public Encoder {
 public:
  Verdict Examine(const Message& message) const override {
    if (!message.is_text()) return {};
    const std::string_view text = message.text();
    const std::optional<Event> event = ParseEvent(text);
    if (!event) return {};
    const std::optional<NamedArgument> named = FindNamedArgument(event->json);
    if (!named) return {};
    std::string buffer;
    const std::string_view name = NameOf(*named, buffer);
    const bool is_refused = std::find(kRefused.begin(), kRefused.end(), name) != kRefused.end();
    return {.carriable = IsEvent(text) && !is_refused && IsJson(event->json), .look_alike = name == kBatch};
  }

  // As an entry that is the event's whole array: however it goes on, and whatever its name turns out to be.
  std::optional<Escape> EscapeLarge(wire::Opcode opcode, std::string_view beginning) const override {
    const std::string_view type = TypeOf(beginning);
    if (opcode != wire::Opcode::kText || type.empty()) return std::nullopt;
    const std::string_view rest = beginning.substr(type.size());
    if (rest.starts_with('/') && rest.find(',') == std::string_view::npos) {
      return Escape::BehindNamespace(kWholeBegin, kEnd);
    }
    const std::optional<EventPacket> packet = ParseEventRest(rest);
    if (!packet || packet->has_ack) return std::nullopt;
    // Without a name here it may come after much white space.
    const std::string_view name = EventNameToken(packet->json);
    if (!name.empty() && DecodeString(name) != kBatch) return std::nullopt;
    return Escape::AtArray(kWholeBegin, kEnd, beginning.size() - packet->json.size());
  }

  bool MayShare(const Message& a, const Message& b) const override { return HeadOf(a.text()) == HeadOf(b.text()); }

  wire::Opcode Encode(std::span<const MessageRef> messages, std::string& out) const override {
    ReserveFrame(*this, messages, out);
    for (size_t i = 0; i < messages.size(); ++i) {
      const std::optional<Event> event = ParseEvent(messages[i]->text());
      assert(event);
      if (i == 0) AppendBegin(event->head, messages.size(), out);
      AppendEntry(FindNamedArgumentAgain(event->json), out);
      out += i + 1 < messages.size() ? "," : kEnd;
    }
    return wire::Opcode::kText;
  }

  size_t Overhead(size_t count) const override {
    return kPrefix.size() + kMaxCountSize + kMessages.size() + kEnd.size() +
           count * (kEvent.size() + kData.size() + kEntryEnd.size() + 1);
  }

 private:
  static void AppendBegin(std::string_view head, size_t count, std::string& out) {
    (out += head) += kPrefix;
    AppendCount(out, count);
    out += kMessages;
  }

  static void AppendEntry(const NamedArgument& named, std::string& out) {
    (out += kEvent) += named.name;
    (out += kData) += named.argument;
    out += kEntryEnd;
  }

  // Of a carriable message: its type and namespace.
  static std::string_view HeadOf(std::string_view text) {
    return text.substr(0, text[2] == '/' ? text.find(',') + 1 : 2);
  }
};

}  // namespace

const Encoder& SocketIoEventEnvelope() {
  static const SocketIoEvent envelope;
  return envelope;
}

}  // namespace sheaf::batching
