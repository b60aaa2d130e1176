#include "proxy/admin/selector_json.h"

#include <string>
#include <utility>

#include "proxy/admin/session_path.h"
#include "proxy/base/session_id.h"

namespace sheaf {

Complaint SelectorReader::TakeWhom(Selector::By by, const JsonValue& value) {
  if (!value.IsString() || value.GetStringLength() == 0) return Complain(NameOf(by), "is a text that is not empty");
  selector_ = {.by = by, .whom = std::string(TextOf(value))};
  return std::nullopt;
}

Complaint SelectorReader::TakeSession(const JsonValue& value) {
  if (Complaint complaint = TakeWhom(Selector::By::kSession, value)) return complaint;
  if (SessionId::Parse(selector_->whom)) return std::nullopt;
  return Complain("session_id", "is an id such as 2-1f3a, as the log shows it in session=");
}

Complaint SelectorReader::TakePath(const JsonValue& value) {
  if (Complaint complaint = TakeWhom(Selector::By::kPath, value)) return complaint;
  std::optional<std::string> normal = ReadSessionPath(selector_->whom);
  if (!normal) return Complain("path", kSessionPathRemedy);
  selector_->whom = std::move(*normal);
  return std::nullopt;
}

Complaint SelectorReader::TakeAll(const JsonValue& value) {
  selector_ = Selector{};
  return value.IsTrue() ? std::nullopt : Complain("all", "is true, or is left away");
}

}  // namespace sheaf
