#include "batching/escape.h"

#include <algorithm>

namespace sheaf::batching {
namespace {

// What may not stand in a JSON string as it is (RFC 8259 7).
bool NeedsEscape(char c) {
  return c == '"' || c == '\\' || static_cast<uint8_t>(c) < 0x20;
}

void AppendQuoted(std::string_view text, std::string& out) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  while (!text.empty()) {
    const auto run = static_cast<size_t>(std::find_if(text.begin(), text.end(), NeedsEscape) - text.begin());
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) return;
    const auto byte = static_cast<uint8_t>(text.front());
    out += '\\';
    if (byte >= 0x20) {
      out += text.front();
    } else {
      out.append("u00").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 0xF]);
    }
    text.remove_prefix(1);
  }
}

}  // namespace

Escape Escape::AtArray(std::string_view before, std::string_view after, size_t head) {
  Escape escape(before, after);
  escape.head_ = head;
  return escape;
}

Escape Escape::BehindNamespace(std::string_view before, std::string_view after) {
  Escape escape(before, after);
  escape.place_ = Place::kNamespace;
  return escape;
}

void Escape::Append(std::string_view payload, bool last, std::string& out) {
  if (place_ != Place::kInside) AppendHead(payload, out);
  if (quoted_) {
    AppendQuoted(payload, out);
  } else {
    out.append(payload);
  }
  if (last && place_ == Place::kInside) out.append(after_);
}

void Escape::AppendHead(std::string_view& payload, std::string& out) {
  if (place_ == Place::kNamespace) {
    const size_t comma = payload.find(',');
    if (comma == std::string_view::npos) return;
    out.append(payload.substr(0, comma + 1));
    payload.remove_prefix(comma + 1);
    place_ = Place::kBracket;
  }
  if (place_ == Place::kBracket) {
    if (payload.empty()) return;
    if (payload.front() != '[') before_ = after_ = {};
  }
  const size_t head = std::min(head_, payload.size());
  out.append(payload.substr(0, head));
  payload.remove_prefix(head);
  head_ -= head;
  if (head_ > 0) return;
  out.append(before_);
  place_ = Place::kInside;
}

}  // namespace sheaf::batching
