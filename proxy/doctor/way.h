// The two ways that the doctor asks on: directly to an endpoint of a backend, and through Sheaf.
#pragma once

#include <memory>
#include <string>

#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/doctor/visit.h"
#include "proxy/net/tls_context.h"

namespace sheaf::doctor {

// Where it leads, and over what.
struct Way {
  Place place;
  std::unique_ptr<net::TlsContext> tls;
};

// `url`: one of the backend's. A name is looked up; of its addresses the way leads to the first.
Result<Way> WayToEndpoint(const BackendOptions& backend, const std::string& url);

// `address`: of the listener, or of another that has its certificate.
Result<Way> WayToSheaf(const ListenerOptions& listener, const std::string& address);

}  // namespace sheaf::doctor
