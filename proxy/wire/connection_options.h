// Which fields of a head its Connection field makes hop-by-hop (RFC 9110 7.6.1).
#pragma once

#include <string_view>
#include <vector>

#include "proxy/wire/http1.h"

namespace sheaf::wire {

// A look at one head, whose views it keeps. Both lists may be as long as the head is: their lengths are never
// multiplied.
class ConnectionOptions {
 public:
  explicit ConnectionOptions(const std::vector<Field>& fields);

  // Whether Connection lists the field of that name, which must be one of the head's.
  bool List(std::string_view name) const;

 private:
  struct Named {
    std::string_view name;
    bool listed = false;
  };

  size_t Find(std::string_view name) const;
  void NameAll(const std::vector<Field>& fields);

  std::vector<Named> names_;  // of all fields, sorted; empty as long as Connection says only what everybody says
};

}  // namespace sheaf::wire
