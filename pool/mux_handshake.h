// What a mux link asks the backend with (proxy/wire/mux_frame.md, "Opening a link"). Pure, but for the random key.
#pragma once

#include <memory>
#include <string_view>

#include "pool/upgrade.h"

namespace sheaf::pool {

std::shared_ptr<const Upgrade> MuxHandshake(std::string_view host, std::string_view token);

}  // namespace sheaf::pool
