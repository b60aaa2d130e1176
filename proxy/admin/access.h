// Who may ask the admin listener for what (hardening row 69). Pure.
//
// Browsers must not be led here by a foreign page, so a request with an Origin is refused: a browser names it in all
// requests of other origins' pages, and in no GET of our own but those for its page's modules. A page whose name was
// rebound to our address sends none either, but its own name as Host; so a Host must be ours: localhost, an address (a
// rebound name is always a name, while kubelets and Prometheus come with the pod's), the name in admin.address, or one
// of admin.allowed_hosts. No page knows admin.token, so whoever has that may come with any Host, as may whoever comes
// over a Unix socket or asks the probes, which tell nothing but well or not.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/admin/answer.h"
#include "proxy/base/option_table.h"
#include "proxy/wire/http1.h"

namespace sheaf {

enum class Access : uint8_t {
  kProbe,     // by kubelets, which hold no token
  kPage,      // the dashboard's files, which have no secret and must be there before they can ask for the token
  kReads,     // with the token, if admin.token is set
  kSessions,  // shows who is connected: like kChanges
  kChanges,   // with the token, always; over a Unix socket, which is its owner's alone, where admin.token is set
};

// Why this request is not answered; nullopt: it is.
std::optional<AdminAnswer> RefuseAccess(const wire::RequestHead& request, const Options::Admin& options, Access access);

// The Host's name, without a port, brackets and the dot of a full name.
std::string_view NameOfHost(std::string_view host);

// Takes as long for a first as for a last byte that differs.
bool EqualsInConstantTime(std::string_view given, std::string_view secret);

}  // namespace sheaf
