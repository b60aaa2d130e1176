// The keys that say which sessions are meant, for all bodies that have them: a reader that derives from SelectorReader
// puts them into its table with WithSelector.
//
// Pure; any thread.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "proxy/admin/json_reader.h"
#include "proxy/base/selector.h"

namespace sheaf {

inline constexpr std::string_view kSelectorNames = "session_id, user_id, path, backend, all";
// For an answer with 404.
inline constexpr std::string_view kNoSuchSession =
    "session_id: no session has this id now: it is over, or of another process; ids are in the log, session=";

class SelectorReader {
 public:
  static const std::array<JsonKey<SelectorReader>, 5> kSelectorKeys;

  // nullopt: no such key was there.
  const std::optional<Selector>& selector() const { return selector_; }

 private:
  Complaint TakeWhom(Selector::By by, const JsonValue& value);
  Complaint TakeSession(const JsonValue& value);
  Complaint TakeUser(const JsonValue& value) { return TakeWhom(Selector::By::kUser, value); }
  Complaint TakePath(const JsonValue& value);
  Complaint TakeBackend(const JsonValue& value) { return TakeWhom(Selector::By::kBackend, value); }
  Complaint TakeAll(const JsonValue& value);

  std::optional<Selector> selector_;
};

inline constexpr std::array<JsonKey<SelectorReader>, 5> SelectorReader::kSelectorKeys = {{
    {NameOf(Selector::By::kSession), KeyKind::kSelector, &SelectorReader::TakeSession},
    {NameOf(Selector::By::kUser), KeyKind::kSelector, &SelectorReader::TakeUser},
    {NameOf(Selector::By::kPath), KeyKind::kSelector, &SelectorReader::TakePath},
    {NameOf(Selector::By::kBackend), KeyKind::kSelector, &SelectorReader::TakeBackend},
    {NameOf(Selector::By::kAll), KeyKind::kSelector, &SelectorReader::TakeAll},
}};

// These and `own`.
template <typename Reader, size_t kOwn>
std::array<JsonKey<Reader>, kOwn + 5> WithSelector(const std::array<JsonKey<Reader>, kOwn>& own) noexcept {
  std::array<JsonKey<Reader>, kOwn + 5> keys{};
  size_t count = 0;
  for (const auto& key : SelectorReader::kSelectorKeys) keys[count++] = {key.name, key.kind, key.take};
  for (const auto& key : own) keys[count++] = key;
  return keys;
}

}  // namespace sheaf
