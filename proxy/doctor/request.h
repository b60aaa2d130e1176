// The heads of the doctor's requests. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/doctor/answer.h"

namespace sheaf::doctor {

// What is the same in all requests: as whom the doctor comes.
struct Manner {
  std::string host;
  std::string origin;  // of WebSocket and Socket.IO requests
  std::string subprotocols;
  std::vector<std::string> fields;  // more lines, "Name: value"
};

// The key of every handshake: so that the backend answers the same.
inline constexpr std::string_view kWebSocketKey = "c2hlYWYgZG9jdG9yIDE2Yg==";

// `says_https`: the page came over TLS to somebody who forwards in plain text, and says so as an ingress does.
std::string BuildRequest(const Question& question, const Manner& manner, bool says_https);

}  // namespace sheaf::doctor
