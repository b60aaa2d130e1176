#include "pool/mux_handshake.h"

#include <string>

#include "proxy/wire/mux_frame.h"
#include "proxy/wire/ws_handshake.h"

namespace sheaf::pool {
namespace {

// Of the frames that an app sends.
constexpr wire::FrameLimits kLimits{.max_message = wire::kMuxMaxFrame};

}  // namespace

std::shared_ptr<const Upgrade> MuxHandshake(std::string_view host, std::string_view token) {
  std::string fields;
  const auto add = [&fields](std::string_view name, std::string_view value) {
    fields.append(name).append(": ").append(value).append("\r\n");
  };
  add("Host", host);
  add("Authorization", std::string("Bearer ").append(token));
  add("Sec-WebSocket-Key", wire::NewWebSocketKey());
  add("Sec-WebSocket-Version", "13");
  add("Sec-WebSocket-Protocol", wire::kMuxSubprotocol);
  auto upgrade = std::make_shared<Upgrade>();
  upgrade->target = wire::kMuxPath;
  upgrade->fields = wire::FieldLines(std::move(fields));
  upgrade->frame_limits = &kLimits;
  return upgrade;
}

}  // namespace sheaf::pool
