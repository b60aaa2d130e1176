// `sheaf doctor`: makes the same requests directly to the backend and through Sheaf as configured, and says what
// differs and which option mends it. Blocking, in the main thread; it serves nobody. Every endpoint of every backend is
// connected to; a request is compared with what the first that answers says, of the backend that its route leads to.
//
//   One HTTP request, one WebSocket handshake, and Socket.IO's opening by polling and by WebSocket.
//
// Through the Sheaf that listens where clients connect, where one does; else through a trial (trial.h), so that a
// machine can be examined before anything is installed on it.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "proxy/base/option_table.h"

namespace sheaf::doctor {

// From the command line.
struct Wishes {
  std::string http_path = "/";
  std::string websocket_path = "/ws";
  std::string socketio_path = "/socket.io/";
  std::string host;                    // empty: as a client would that connects to Sheaf
  std::string origin;                  // empty: the first of websocket.allowed_origins, or the host itself
  std::string subprotocols;            // "a, b"
  std::vector<std::string> fields;     // "Name: value", in all requests
  std::vector<std::string> arguments;  // with which a trial is started: -c and --set
};

enum class Verdict : int { kSame = 0, kDiffers = 1, kCouldNotRun = 2 };

// Writes its report to `out`. kDiffers: so too where an endpoint does not answer. kCouldNotRun: no backend that would
// be asked can be reached, or Sheaf does not start. The report says why and what to do.
Verdict Examine(const Options& options, const Wishes& wishes, std::ostream& out);

}  // namespace sheaf::doctor
