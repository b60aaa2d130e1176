// The opening handshake of a WebSocket with the backend: what it asks, and how it is answered. Structure, not bytes:
// each codec writes it in its own way, and may write it again for as long as somebody keeps it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "pool/http_stream.h"
#include "pool/socket_stream.h"
#include "proxy/wire/field_lines.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/mux_writer.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::pool {

// A valid handshake (wire::CheckUpgradeRequest), so that its method is GET and it has no body. Immutable once it is
// shared.
struct Upgrade {
  std::string target;         // in normal form
  std::string client;         // its address, as it is believed
  uint16_t client_port = 0;   // 0: not known
  bool secure = false;        // wss
  uint8_t minor_version = 1;  // of the client's HTTP/1.x
  // End to end, Host and Sec-WebSocket-* among them; what asks a neighbour for the upgrade is the codec's.
  wire::FieldLines fields;
  const wire::FrameLimits* frame_limits = nullptr;  // of what the backend sends; outlives the socket

  // What is in the fields: the key, and the subprotocols offered, joined by ", ".
  std::string_view key() const;
  std::string subprotocols() const;
  // The same for a link that many share. Views into this.
  wire::MuxOpen MuxOpen() const { return {secure, minor_version, client_port, client, target, fields}; }
};

// A refusal is a response like any other.
class HandshakeEvents : public ResponseEvents {
 public:
  // The backend's valid 101. The stream is over, and `socket` goes on in its place: who is to hear of it is set before
  // this returns, and frames that came with the 101 are told then. From here on nobody but the caller of Connect has
  // the Upgrade.
  virtual void OnUpstreamOpen(const wire::ResponseHead& head, std::unique_ptr<SocketStream> socket) = 0;

 protected:
  ~HandshakeEvents() = default;
};

}  // namespace sheaf::pool
