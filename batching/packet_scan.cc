#include "batching/packet_scan.h"

#include <algorithm>
#include <charconv>

namespace sheaf::batching {
namespace {

constexpr auto kNone = std::string_view::npos;

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// From the array's bracket to behind its first member, a string. The second is npos when there is none.
struct Extent {
  size_t begin;
  size_t end;
};
Extent FindName(std::string_view json) {
  size_t i = SkipSpace(json, 0);
  if (i == json.size() || json[i] != '[') return {0, kNone};
  i = SkipSpace(json, i + 1);
  if (i == json.size() || json[i] != '"') return {0, kNone};
  return {i, SkipString(json, i)};
}

}  // namespace

size_t SkipSpace(std::string_view text, size_t i) {
  while (i < text.size() && IsSpace(text[i])) ++i;
  return i;
}

size_t SkipString(std::string_view text, size_t i) {
  for (++i; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return kNone;
}

size_t FindValueEnd(std::string_view text, size_t i) {
  size_t depth = 0;
  while (i < text.size()) {
    switch (text[i]) {
      case '"':
        i = SkipString(text, i);
        continue;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
      case '}':
        if (depth == 0) return i;
        --depth;
        break;
      case ',':
        if (depth == 0) return i;
        break;
      default:
        break;
    }
    ++i;
  }
  return kNone;
}

std::optional<EventPacket> ParseEventRest(std::string_view rest) {
  EventPacket packet;
  if (rest.starts_with('/')) {
    const size_t comma = rest.find(',');
    if (comma == kNone) return std::nullopt;
    packet.name_space = rest.substr(0, comma);
    rest.remove_prefix(comma + 1);
  }
  while (!rest.empty() && IsDigit(rest.front())) {
    packet.has_ack = true;
    rest.remove_prefix(1);
  }
  if (!rest.starts_with('[')) return std::nullopt;
  packet.json = rest;
  return packet;
}

std::optional<EventPacket> ParseEventPacket(std::string_view text) {
  if (!text.starts_with("42")) return std::nullopt;
  return ParseEventRest(text.substr(2));
}

std::optional<uint16_t> FramesOfAck(std::string_view text) {
  if (text.starts_with("43")) return uint16_t{1};
  if (!text.starts_with("46")) return std::nullopt;
  uint16_t attachments = 0;
  std::from_chars(text.data() + 2, text.data() + text.size(), attachments);
  return static_cast<uint16_t>(std::min<uint16_t>(attachments, UINT16_MAX - 1) + 1);
}

std::string_view EventNameToken(std::string_view json) {
  const auto [begin, end] = FindName(json);
  if (end == kNone) return {};
  const size_t next = SkipSpace(json, end);
  if (next == json.size() || (json[next] != ',' && json[next] != ']')) return {};
  return json.substr(begin, end - begin);
}

std::optional<NamedArgument> FindNamedArgument(std::string_view json) {
  const auto [begin, end] = FindName(json);
  if (end == kNone) return std::nullopt;
  const size_t comma = SkipSpace(json, end);
  if (comma == json.size() || json[comma] != ',') return std::nullopt;
  const size_t argument = SkipSpace(json, comma + 1);
  const size_t argument_end = FindValueEnd(json, argument);
  if (argument_end == kNone || argument_end == argument || json[argument_end] != ']') return std::nullopt;
  if (SkipSpace(json, argument_end + 1) != json.size()) return std::nullopt;
  return NamedArgument{json.substr(begin, end - begin), TrimEnd(json.substr(argument, argument_end - argument))};
}

NamedArgument FindNamedArgumentAgain(std::string_view json) {
  const auto [begin, end] = FindName(json);
  const size_t argument = SkipSpace(json, SkipSpace(json, end) + 1);
  return {json.substr(begin, end - begin), TrimEnd(json.substr(argument, json.rfind(']') - argument))};
}

std::optional<std::vector<std::string>> ParsePointer(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (pointer.empty()) return tokens;
  if (pointer.front() != '/') return std::nullopt;
  for (size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else if (pointer[i] != '~') {
      tokens.back().push_back(pointer[i]);
    } else {
      if (++i == pointer.size() || (pointer[i] != '0' && pointer[i] != '1')) return std::nullopt;
      tokens.back().push_back(pointer[i] == '0' ? '~' : '/');
    }
  }
  return tokens;
}

}  // namespace sheaf::batching
