// What decides which endpoint of a backend a request goes to.
#pragma once

#include <cstdint>

#include "pool/affinity.h"
#include "pool/endpoint.h"

namespace sheaf::pool {

struct Placement {
  EndpointRef endpoint;  // where its Engine.IO session lives; nullptr: balance picks one
  uint64_t hash = 0;     // of its balance_key, for Balance::kHash
  // A session that is counted already, by its sid: the request is none of its own.
  bool counted = false;
  Affinity::Hold hold;  // of a WebSocket's sid, until it ends
};

}  // namespace sheaf::pool
