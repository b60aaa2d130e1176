// Counts as one session of an endpoint for as long as it lives. Whoever has one keeps the endpoint.
#pragma once

#include <utility>

#include "pool/endpoint.h"

namespace sheaf::pool {

class SessionCount {
 public:
  SessionCount() = default;
  explicit SessionCount(Endpoint& endpoint) : endpoint_(&endpoint) { endpoint.AddSession(); }
  SessionCount(SessionCount&& other) noexcept : endpoint_(std::exchange(other.endpoint_, nullptr)) {}
  SessionCount& operator=(SessionCount other) noexcept {
    std::swap(endpoint_, other.endpoint_);
    return *this;
  }
  ~SessionCount() {
    if (endpoint_ != nullptr) endpoint_->EndSession();
  }

  // Whoever calls counts on, if it counts.
  [[nodiscard]] bool Release() { return std::exchange(endpoint_, nullptr) != nullptr; }

 private:
  Endpoint* endpoint_ = nullptr;
};

}  // namespace sheaf::pool
