// A backend at one moment: its name, and the endpoints that serve the same. A value; those who get it keep the
// endpoints.
#pragma once

#include <string>
#include <vector>

#include "pool/endpoint.h"

namespace sheaf::pool {

using EndpointList = std::vector<EndpointRef>;

struct Backend {
  std::string name;  // "default" for [upstream]
  EndpointList endpoints;
};

}  // namespace sheaf::pool
