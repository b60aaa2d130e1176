// Field names with an underscore. CGI, WSGI and some ASGI applications take X_User_ID and X-User-ID for one name, so a
// client must not slip in the one where a proxy speaks for it with the other (hardening row 16; CVE-2025-64484,
// CVE-2026-3902). Pure functions.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/wire/http1.h"

namespace sheaf {

// Takes out of `fields`, whose order stays, and says how many:
//   - names with an underscore, if `underscores` is drop;
//   - else the twins: those that are, but for `_` instead of `-`, the name of a field that Sheaf sets or believes
//     (`user_header` is one), or of another field here that has no more underscores. So of names that such an
//     application takes for one, at most one spelling stays, and the one with hyphens before all others.
// Time n log n in the number of fields; none where no name has an underscore.
size_t RemoveTwins(std::vector<wire::Field>& fields, Underscores underscores, std::string_view user_header);

}  // namespace sheaf
