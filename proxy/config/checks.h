// What the option table cannot say of a value: the form of addresses, URLs, networks and paths, options that must fit
// together, and files that must be there. Start-up code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/config/file.h"

namespace sheaf {

struct Configuration;

// Whether `text`, the option's value or one of its list's, has the form that `option` ("listen.address") asks for.
// Returns what it must be instead ("must be ..."), or an empty string.
std::string CheckForm(std::string_view option, std::string_view text);

// Options that contradict each other or point at a file that cannot be used.
struct Contradiction {
  std::vector<const OptionRow*> options;  // all that have a part in it
  std::string text;                       // a whole sentence with the remedy
  bool of_user = false;                   // this user may not do it; the one who serves may
  Position place = {};                    // of a value in a [[...]] that has a part in it; line 0: none
};

// Reads the certificate files.
std::vector<Contradiction> FindContradictions(const Configuration& configuration);

}  // namespace sheaf
