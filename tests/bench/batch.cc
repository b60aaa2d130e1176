#include "tests/bench/batch.h"

#include <charconv>
#include <system_error>

namespace sheaf::bench {
namespace {

constexpr std::string_view kJsonStart = R"({"type":"batch","batch_size":)";
constexpr std::string_view kJsonMessages = R"(,"messages":[)";
constexpr std::string_view kJsonEnd = "]}";
constexpr std::string_view kBinaryStart = "SHF\x01";
constexpr size_t kLengthBytes = 4;

// The end of the array's member that begins at the front: a comma or the end, outside of strings and inner brackets.
size_t MemberEnd(std::string_view members) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < members.size(); ++i) {
    const char c = members[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == ',' && depth == 0) {
      return i;
    } else {
      in_string = c == '"';
      depth += static_cast<int>(c == '{' || c == '[') - static_cast<int>(c == '}' || c == ']');
    }
  }
  return members.size();
}

// The form with "text" is not read: the benchmark sends no look-alikes.
bool UnbatchJson(std::string_view frame, std::vector<std::string_view>& messages) {
  frame.remove_prefix(kJsonStart.size());
  size_t count = 0;
  const auto [digits_end, error] = std::from_chars(frame.data(), frame.data() + frame.size(), count);
  if (error != std::errc()) return false;
  frame.remove_prefix(static_cast<size_t>(digits_end - frame.data()));
  if (!frame.starts_with(kJsonMessages) || !frame.ends_with(kJsonEnd)) return false;
  frame.remove_prefix(kJsonMessages.size());
  frame.remove_suffix(kJsonEnd.size());
  for (;;) {
    const size_t end = MemberEnd(frame);
    messages.push_back(frame.substr(0, end));
    if (end == frame.size()) return messages.size() == count;
    frame.remove_prefix(end + 1);
  }
}

bool UnbatchBinary(std::string_view frame, std::vector<std::string_view>& messages) {
  frame.remove_prefix(kBinaryStart.size());
  while (frame.size() >= kLengthBytes) {
    uint32_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) length = length << 8U | static_cast<uint8_t>(frame[i]);
    length &= 0x7FFFFFFFU;  // bit 31 tells text from binary, which are the same here
    if (frame.size() - kLengthBytes < length) return false;
    messages.push_back(frame.substr(kLengthBytes, length));
    frame.remove_prefix(kLengthBytes + length);
  }
  return frame.empty() && !messages.empty();
}

}  // namespace

Envelope EnvelopeNamed(std::string_view name) {
  if (name == "json") return Envelope::kJson;
  if (name == "binary") return Envelope::kBinary;
  return Envelope::kNone;
}

bool Unbatch(Envelope envelope, const Message& frame, std::vector<std::string_view>& messages) {
  messages.clear();
  const bool text = frame.opcode == kText;
  if (envelope == Envelope::kJson && text && frame.payload.starts_with(kJsonStart)) {
    return UnbatchJson(frame.payload, messages);
  }
  if (envelope == Envelope::kBinary && !text && frame.payload.starts_with(kBinaryStart)) {
    return UnbatchBinary(frame.payload, messages);
  }
  messages.push_back(frame.payload);
  return true;
}

}  // namespace sheaf::bench
