// Endpoints and times for the tests of pool/affinity.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "pool/affinity.h"
#include "tests/fakes/endpoints.h"

namespace sheaf::pool {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline const TimePoint kStart{std::chrono::hours(1)};
inline constexpr Duration kLifetime = seconds(45);

inline std::shared_ptr<Endpoint> MakeEndpoint(const std::string& url = "http://127.0.0.1:8001") {
  return EndpointAt(url, {});
}

// As servers make them: 20 characters.
inline std::string Sid(int number) {
  const std::string digits = std::to_string(number);
  return std::string(20 - digits.size(), 'a') + digits;
}

// What a table that holds only entries takes for each of these sids: 64 and the sid, and malloc's header, in steps of
// 16; and for each entry with a Hold.
inline constexpr size_t kEntryBytes = 96;
inline constexpr size_t kPinBytes = 32;

}  // namespace sheaf::pool
