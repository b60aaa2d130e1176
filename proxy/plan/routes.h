// Which [[route]] of the configuration a path belongs to. Built once from the Options, then read by any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/option_table.h"

namespace sheaf {

class Routes {
 public:
  // The routes' paths are in the form that NormalizeRoutePath gives. Where there is none for "/", the global options
  // stand in for it.
  explicit Routes(const Options& options);

  // The route with the longest path that is a prefix of `normalized_path` (wire::NormalizeTarget; a query may follow)
  // and ends where one of its segments ends: "/api" has "/api", "/api/x" and "/api?q", but not "/apix". A target that
  // is no path
  // ("*") belongs to "/". The reference lives as long as this object.
  const RouteOptions& Match(std::string_view normalized_path) const { return all()[IndexOf(normalized_path)]; }
  // The place in all() of the route that matches.
  size_t IndexOf(std::string_view normalized_path) const;

  // Every route, in the order of matching.
  const std::vector<RouteOptions>& all() const { return longest_first_; }

 private:
  std::vector<RouteOptions> longest_first_;  // set at construction; the last one is "/"
};

// Whether `target` (wire::NormalizeTarget; a query may follow) is `path`, which is in the form below, or under it:
// "/api" has "/api", "/api/x" and "/api?q", but not "/apix"; "/" has all.
bool IsAtOrUnder(std::string_view target, std::string_view path);

// The normal form that requests are compared in, without a slash at the end: "/a/../%7Ex/" is "/~x". nullopt: it does
// not start with a slash, has a query, a fragment or white space, or has no normal form.
std::optional<std::string> NormalizeRoutePath(std::string_view path);

}  // namespace sheaf
