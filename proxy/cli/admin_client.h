// A client of the admin listener: one HTTP/1.1 request over a connection of its own, over TCP or a Unix socket.
// Blocking; the command line's only, never a running Sheaf's.
//
//   AdminClient client({.address = "127.0.0.1:9901", .token = token});
//   Result<AdminReply> reply = client.Ask({.target = "/backends"});
#pragma once

#include <chrono>
#include <string>

#include "proxy/base/status.h"

namespace sheaf::cli {

// Where a Sheaf is asked, and as whom.
struct AdminPlace {
  std::string address;  // as admin.address: "host:port", ":port" (of this machine) or "unix:/path"; empty: it has none
  std::string token;    // empty: none is sent
};

struct AdminRequest {
  std::string method = "GET";
  std::string target;
  std::string body = {};              // JSON; empty: none
  std::chrono::seconds patience{10};  // from the connection to the last byte of the answer
};

struct AdminReply {
  int status = 0;
  std::string body;
};

class AdminClient {
 public:
  explicit AdminClient(AdminPlace place) : place_(std::move(place)) {}

  // Waiting ends, with an error, as soon as the descriptor can be read; it is not read. -1: nothing ends it early.
  void EndsBy(int fd) { ends_by_ = fd; }

  const std::string& address() const { return place_.address; }

  // A reply has whatever status; an error says why there is none: nobody is there, or what answers is no admin
  // listener, or it took too long. It begins with the address.
  Result<AdminReply> Ask(const AdminRequest& request) const;

 private:
  const AdminPlace place_;
  int ends_by_ = -1;
};

}  // namespace sheaf::cli
