// The addresses at which the backend may be: one, or the first of each family ("localhost": 127.0.0.1, then ::1), of
// which it may listen on either. The addresses are dialled in turn, the one that answered last first.
//
//   Dial(targets.current());                               // and keep targets.index() with the connection
//   if (targets.Fail(index)) ...                           // the next is current: dial it before the backend counts as
//   down
//
// A pool and the health check have one of their own. One thread.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "proxy/net/address.h"

namespace sheaf::pool {

class DialTargets {
 public:
  DialTargets() = default;
  DialTargets(const net::Address& only) : all_{only} {}                 // NOLINT(google-explicit-constructor)
  DialTargets(std::vector<net::Address> all) : all_(std::move(all)) {}  // NOLINT(google-explicit-constructor)

  // No address is known yet.
  bool empty() const { return all_.empty() || all_.front().empty(); }
  const std::vector<net::Address>& all() const { return all_; }
  const net::Address& current() const { return all_[current_]; }
  uint8_t index() const { return current_; }

  // A dial failed. True: another address has not been tried yet since the last success, or since all had failed; it is
  // current now. Of several dials that were under way to one address the first failure counts.
  [[nodiscard]] bool Fail(uint8_t index) {
    if (index != current_) return true;
    ++failed_;
    if (failed_ < all_.size()) {
      current_ = static_cast<uint8_t>((current_ + 1U) % all_.size());
      return true;
    }
    failed_ = 0;
    current_ = 0;
    return false;
  }
  void Succeed(uint8_t index) {
    failed_ = 0;
    if (index < all_.size()) current_ = index;
  }

 private:
  std::vector<net::Address> all_;
  uint8_t current_ = 0;
  uint8_t failed_ = 0;
};

}  // namespace sheaf::pool
