// Reads the JSON that the admin listener is sent. An object is read by a table of the keys that it may have, each with
// what takes its value:
//
//   struct Reader { ... Complaint TakeCode(const JsonValue& value); };
//   constexpr std::array<JsonKey<Reader>, 1> kKeys = {{{"code", KeyKind::kAny, &Reader::TakeCode}}};
//   Complaint complaint = TakeMembers(reader, kKeys, document, "a close");
//
// Pure; any thread.
#pragma once

#include <rapidjson/document.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/status.h"

namespace sheaf {

using JsonValue = rapidjson::Value;

// What is wrong, and the remedy; nullopt: nothing.
using Complaint = std::optional<std::string>;

// `key`: may be empty.
Complaint Complain(std::string_view key, std::string_view what);

inline std::string_view TextOf(const JsonValue& value) {
  return {value.GetString(), value.GetStringLength()};
}

// A body in UTF-8, nested no deeper than others' parsers bear.
Result<bool> ParseJson(std::string_view body, rapidjson::Document& document);

// Of each but kAny an object has one key at most.
enum class KeyKind : uint8_t { kAny, kSelector, kContent };
inline constexpr size_t kKeyKinds = 3;

template <typename Reader>
struct JsonKey {
  std::string_view name;
  KeyKind kind;
  Complaint (Reader::*take)(const JsonValue& value);
};

// Has each member of `object` taken, in their order, to the first complaint. `what`: the object is, such as "a
// message".
template <typename Reader, size_t kCount>
Complaint TakeMembers(Reader& reader, const std::array<JsonKey<Reader>, kCount>& keys, const JsonValue& object,
                      std::string_view what) {
  std::array<bool, kCount> seen{};
  std::array<std::string_view, kKeyKinds> of_kind{};
  for (const auto& member : object.GetObject()) {
    const std::string_view name = TextOf(member.name);
    size_t i = 0;
    while (i < kCount && keys[i].name != name) ++i;
    if (i == kCount) {
      std::string text = std::string("is no key of ").append(what).append(": there are");
      for (const JsonKey<Reader>& key : keys) text.append(&key == keys.data() ? " " : ", ").append(key.name);
      return Complain(name.substr(0, 64), text);
    }
    if (std::exchange(seen[i], true)) return Complain(name, "is there twice: leave one away");
    std::string_view& other = of_kind[static_cast<size_t>(keys[i].kind)];
    if (keys[i].kind != KeyKind::kAny && !other.empty()) {
      return Complain(name, std::string("stands beside ").append(other).append(": only one of them may be there"));
    }
    other = keys[i].name;
    if (Complaint complaint = (reader.*keys[i].take)(member.value)) return complaint;
  }
  return std::nullopt;
}

}  // namespace sheaf
