// Whether two addresses of the configuration are one place. No name is looked up but localhost; start-up code.
#pragma once

#include <string_view>

namespace sheaf {

// Whether a connection to `target` comes to what listens at `listening`; both are host:port, [IPv6]:port or unix:/path
// in a right form. Of wildcard hosts, this machine's own addresses count. `ipv6_only`: [::] is IPv6 alone.
bool LeadsTo(std::string_view target, std::string_view listening, bool ipv6_only);

// Whether not both can be listened at: they are one port of one address, of all addresses of a family and one of them,
// or one file. Both as above; the bools: whether [::] is IPv6 alone there.
bool Collide(std::string_view one, bool one_ipv6_only, std::string_view other, bool other_ipv6_only);

}  // namespace sheaf
