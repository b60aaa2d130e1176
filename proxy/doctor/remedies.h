// What to do about a difference: the option that mends or explains it, and how. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/doctor/answer.h"

namespace sheaf::doctor {

struct Remedy {
  std::string_view sign;    // of a refusal of Sheaf's: its reason
  std::string_view option;  // "pool.max_size"; empty: no option mends it
  std::string_view advice;
};

// By the reasons with which Sheaf refuses (proxy/base/status.h). A reason that is not among them explains itself.
std::span<const Remedy> RefusalRemedies();

// "pool.max_size: raise it ..."
std::string ToText(const Remedy& remedy);

// Sheaf answered by itself with this reason, where the backend's own answer was `direct`.
std::string RemedyForRefusal(std::string_view reason, const Answer& direct);
// The backend answered with another status or no success at all, though asked the same.
std::string RemedyForStatus(const Question& question, const Answer& direct, const Answer& through);
// Another value of a response's field, or none, or one that was not there (`through` and `direct` are empty then).
std::string RemedyForField(std::string_view name, std::string_view direct, std::string_view through);
std::string RemedyForMessage();
std::string RemedyForClose(const Answer& direct, const Answer& through);
std::string RemedyForDelay();
// No connection to an endpoint. `error` as the kernel or OpenSSL put it; `option`: that names it, "upstream.url".
std::string RemedyForNoBackend(std::string_view error, std::string_view option, bool tls, bool unix_socket);

}  // namespace sheaf::doctor
