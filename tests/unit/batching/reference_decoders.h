// Decoders for the four envelopes, written from batching/envelopes.md alone: they share no code with the encoders, and
// are slow and plain. For the unit tests and the fuzz target.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf::batching::reference {

struct Piece {  // a message or a frame
  bool is_text = true;
  std::string data;

  bool operator==(const Piece&) const = default;
};
using Pieces = std::vector<Piece>;

// Takes `expected` off the front of `text` if it stands there.
inline bool Take(std::string_view& text, std::string_view expected) {
  if (text.substr(0, expected.size()) != expected) return false;
  text.remove_prefix(expected.size());
  return true;
}

// Takes a decimal number without leading zero off the front of `text`.
inline std::optional<size_t> TakeCount(std::string_view& text) {
  size_t size = 0;
  size_t count = 0;
  while (size < text.size() && size < 9 && text[size] >= '0' && text[size] <= '9') {
    count = count * 10 + static_cast<size_t>(text[size++] - '0');
  }
  if (size == 0 || text[0] == '0') return std::nullopt;
  text.remove_prefix(size);
  return count;
}

// Cuts at the commas that are outside of strings and brackets. nullopt when a bracket or a string is left open or a
// bracket closes that was not open.
inline std::optional<std::vector<std::string>> CutAtCommas(std::string_view text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  bool in_string = false;
  bool after_backslash = false;
  for (const char c : text) {
    if (!in_string && depth == 0 && c == ',') {
      parts.emplace_back();
      continue;
    }
    parts.back() += c;
    if (in_string) {
      if (c == '"' && !after_backslash) in_string = false;
      after_backslash = c == '\\' && !after_backslash;
      continue;
    }
    in_string = c == '"';
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && --depth < 0) return std::nullopt;
  }
  if (in_string || depth != 0) return std::nullopt;
  return parts;
}

inline void AppendUtf8(std::string& out, uint32_t code) {
  const auto more = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    more(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    more(6);
    more(0);
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    more(12);
    more(6);
    more(0);
  }
}

// A JSON string with its quotes. nullopt when it is none.
inline std::optional<std::string> Unquote(std::string_view token) {
  static constexpr std::string_view kLetters = "\"\\/bfnrt";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') return std::nullopt;
  token = token.substr(1, token.size() - 2);
  std::string text;
  uint32_t first_half = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '"') return std::nullopt;
    if (token[i] != '\\') {
      text += token[i];
      continue;
    }
    if (++i == token.size()) return std::nullopt;
    if (token[i] != 'u') {
      const size_t letter = kLetters.find(token[i]);
      if (letter == std::string_view::npos) return std::nullopt;
      text += kMeanings[letter];
      continue;
    }
    if (i + 4 >= token.size()) return std::nullopt;
    const std::string digits(token.substr(i + 1, 4));
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return std::nullopt;
    const auto code = static_cast<uint32_t>(std::stoul(digits, nullptr, 16));
    i += 4;
    if (code >= 0xD800 && code < 0xDC00) {
      first_half = code;
    } else if (code >= 0xDC00 && code < 0xE000) {
      AppendUtf8(text, 0x10000 + (first_half - 0xD800) * 0x400 + (code - 0xDC00));
    } else {
      AppendUtf8(text, code);
    }
  }
  return text;
}

inline Pieces DecodeJson(const Piece& frame) {
  std::string_view rest = frame.data;
  if (!frame.is_text || !Take(rest, R"({"type":"batch","batch_size":)")) return {frame};
  const std::optional<size_t> count = TakeCount(rest);
  if (!count) return {frame};
  if (*count == 1 && Take(rest, R"(,"text":)") && rest.ends_with('}')) {
    const std::optional<std::string> text = Unquote(rest.substr(0, rest.size() - 1));
    return {text ? Piece{true, *text} : frame};
  }
  if (!Take(rest, R"(,"messages":[)") || !rest.ends_with("]}")) return {frame};
  const auto parts = CutAtCommas(rest.substr(0, rest.size() - 2));
  if (!parts || parts->size() != *count) return {frame};
  Pieces messages;
  for (const std::string& part : *parts) messages.push_back({true, part});
  return messages;
}

inline bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t size = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
    if (size == 0 || i + size > text.size()) return false;
    uint32_t code = size == 1 ? lead : lead & (0x7FU >> size);
    for (size_t k = 1; k < size; ++k) {
      const auto byte = static_cast<uint8_t>(text[i + k]);
      if ((byte & 0xC0) != 0x80) return false;
      code = code << 6 | (byte & 0x3FU);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    i += size;
  }
  return true;
}

// nullopt: the sender is broken.
inline std::optional<Pieces> DecodeBinary(const Piece& frame) {
  std::string_view rest = frame.data;
  if (frame.is_text || !Take(rest, "SHF\x01")) return Pieces{frame};
  Pieces messages;
  do {
    if (rest.size() < 4) return std::nullopt;
    uint32_t length = 0;
    for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(rest[static_cast<size_t>(i)]);
    rest.remove_prefix(4);
    const bool is_text = (length & 0x80000000) == 0;
    length = length == 0xFFFFFFFF ? static_cast<uint32_t>(rest.size()) : length & 0x7FFFFFFF;
    if (rest.size() < length) return std::nullopt;
    messages.push_back({is_text, std::string(rest.substr(0, length))});
    if (is_text && !IsUtf8(messages.back().data)) return std::nullopt;
    rest.remove_prefix(length);
  } while (!rest.empty());
  return messages;
}

inline Pieces DecodeEngineIo(const Piece& frame) {
  const size_t first = frame.data.find('\x1E');
  if (!frame.is_text || first == std::string::npos) return {frame};
  if (first == 0) return {{true, frame.data.substr(1)}};
  Pieces messages(1);
  for (const char c : frame.data) {
    if (c == '\x1E') {
      messages.emplace_back();
    } else {
      messages.back().data += c;
    }
  }
  return messages;
}

// An event with one argument in the form in which equal ones are equal bytes: without white space around its members.
// Everything else stays as it is.
inline Piece Canonical(const Piece& packet) {
  const auto is_space = [](char c) { return std::string_view(" \t\n\r").find(c) != std::string_view::npos; };
  const auto trim = [&](std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return std::string(text);
  };
  const std::string& text = packet.data;
  // A namespace may have a bracket in it.
  const size_t slash = text.find_first_not_of("0123456789-");
  const bool has_namespace = slash != std::string::npos && text[slash] == '/';
  const size_t bracket = text.find('[', has_namespace ? text.find(',', slash) : 0);
  if (!packet.is_text || text.empty() || text[0] != '4' || bracket == std::string::npos) return packet;
  const std::string array = trim(std::string_view(text).substr(bracket));
  if (array.size() < 2 || array.back() != ']') return packet;
  const auto parts = CutAtCommas(std::string_view(array).substr(1, array.size() - 2));
  if (!parts || parts->size() != 2) return packet;
  return {true, text.substr(0, bracket) + "[" + trim((*parts)[0]) + "," + trim((*parts)[1]) + "]"};
}

// Takes `{"event":e,"data":d}` apart, or an event's whole array. nullopt when `entry` has another form.
inline std::optional<std::string> PacketOfEntry(std::string_view head, std::string_view entry) {
  const size_t name = entry.find_first_not_of(" \t\n\r", 1);
  if (entry.starts_with('[') && name != std::string_view::npos && entry[name] == '"') {
    return Canonical({true, std::string(head) + std::string(entry)}).data;
  }
  const auto members = entry.size() < 2 ? std::nullopt : CutAtCommas(entry.substr(1, entry.size() - 2));
  if (!members || members->size() != 2) return std::nullopt;
  std::string_view event = (*members)[0];
  std::string_view data = (*members)[1];
  if (!Take(event, R"("event":)") || !Take(data, R"("data":)")) return std::nullopt;
  return std::string(head) + "[" + std::string(event) + "," + std::string(data) + "]";
}

// Packets come in their canonical form. The frame's JSON is taken as Sheaf writes it, not as any parser would.
inline Pieces DecodeSocketIoEvent(const Piece& frame) {
  const Pieces unchanged = {Canonical(frame)};
  std::string_view rest = frame.data;
  if (!frame.is_text || (!Take(rest, "42") && !Take(rest, "45"))) return unchanged;
  if (frame.data[1] == '5') {
    const size_t digits = rest.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos) return unchanged;
    rest.remove_prefix(digits);
    if (!Take(rest, "-")) return unchanged;
  }
  if (rest.starts_with('/')) {
    const size_t comma = rest.find(',');
    if (comma == std::string_view::npos) return unchanged;
    rest.remove_prefix(comma + 1);
  }
  const std::string_view head = std::string_view(frame.data).substr(0, frame.data.size() - rest.size());
  if (!Take(rest, R"(["batch",{"type":"batch","batch_size":)")) return unchanged;
  const std::optional<size_t> count = TakeCount(rest);
  if (!count || !Take(rest, R"(,"messages":[)") || !rest.ends_with("]}]")) return unchanged;
  const auto entries = CutAtCommas(rest.substr(0, rest.size() - 3));
  if (!entries || entries->size() != *count) return unchanged;
  Pieces packets;
  for (const std::string& entry : *entries) {
    const std::optional<std::string> packet = PacketOfEntry(head, entry);
    if (!packet) return unchanged;
    packets.push_back({true, *packet});
  }
  return packets;
}

}  // namespace sheaf::batching::reference
