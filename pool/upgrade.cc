#include "pool/upgrade.h"

namespace sheaf::pool {

std::string_view Upgrade::key() const {
  return fields.Find("Sec-WebSocket-Key").value_or("");
}

std::string Upgrade::subprotocols() const {
  return fields.Join("Sec-WebSocket-Protocol");
}

}  // namespace sheaf::pool
