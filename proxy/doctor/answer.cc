#include "proxy/doctor/answer.h"

#include "proxy/wire/http1.h"

namespace sheaf::doctor {

std::optional<std::string_view> Answer::Find(std::string_view name) const {
  for (const AnswerField& field : fields) {
    if (wire::EqualsIgnoreCase(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::string Answer::Joined(std::string_view name) const {
  std::string joined;
  for (const AnswerField& field : fields) {
    if (!wire::EqualsIgnoreCase(field.name, name)) continue;
    if (!joined.empty()) joined.append(", ");
    joined.append(field.value);
  }
  return joined;
}

std::string_view Answer::SheafReason() const {
  // The form of Sheaf's error answers; the request id tells them from a backend's that have a reason, too.
  constexpr std::string_view kBefore = "\"reason\":\"";
  const size_t begin = body.find(kBefore);
  if (begin == std::string::npos || body.find("\"request_id\":\"") == std::string::npos) return {};
  const std::string_view rest = std::string_view(body).substr(begin + kBefore.size());
  return rest.substr(0, rest.find('"'));
}

}  // namespace sheaf::doctor
