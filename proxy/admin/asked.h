// A checked request to the admin listener, as a handler of a path sees it. Its views end with the call.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/answer.h"
#include "proxy/admin/source.h"
#include "proxy/wire/http1.h"

namespace sheaf {

struct Asked {
  const wire::RequestHead& request;
  std::string_view body;
  std::string name;  // what stands in place of the {...} of the path, decoded; empty: the path has none
  AdminSource& source;
  bool live;  // as Liveness says
};

}  // namespace sheaf
