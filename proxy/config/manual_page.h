// The manual page sheaf(1), in mdoc. conf/man/sheaf.1 is this text. Start-up code.
#pragma once

#include <string>

namespace sheaf {

std::string ManualPage();

}  // namespace sheaf
