// A Sheaf that the doctor starts where none runs: this same program with the same configuration, on a free port of
// 127.0.0.1 (with TLS, if a listener has it), and on no other, without an admin listener. A child process, so that
// nothing of the configuration is interpreted twice; the child ends with the object.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/base/status.h"

namespace sheaf::doctor {

class Trial {
 public:
  // `arguments`: those that name the configuration (-c and --set), which the trial's own are added to; `listener`:
  // whose certificate it has. Waits until it listens, for five seconds at most; the error is what it said.
  static Result<std::unique_ptr<Trial>> Start(std::vector<std::string> arguments, const ListenerOptions& listener);
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  ~Trial();

  // "127.0.0.1:41234".
  const std::string& address() const { return address_; }
  // The child's warnings and errors so far, as written.
  std::vector<std::string> Log() const;

 private:
  Trial(std::string address, int log) : address_(std::move(address)), log_(log) {}
  Result<bool> Spawn(std::vector<std::string> arguments, const ListenerOptions& listener);
  Result<bool> WaitUntilItListens();

  std::string address_;
  int log_;  // a file in memory, so that nobody need read while it writes
  pid_t process_ = -1;
};

}  // namespace sheaf::doctor
