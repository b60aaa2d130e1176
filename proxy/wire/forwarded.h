// The field Forwarded (RFC 7239) and the addresses in it and in X-Forwarded-For: text in, values out.
//
//   const auto clients = ParseForwarded("for=\"[2001:db8::1]:80\";proto=https, for=10.0.0.7");
//   NodeAddress(clients->front());  // "2001:db8::1"
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf::wire {

// Of one line of the field: the client that each element names with `for`, in order, as it stands there but for quotes
// and escapes ("192.0.2.1:80", "[2001:db8::1]", "unknown", "_hidden"); empty where an element names none. Sloppy
// writers are understood: white space around separators, and a port or brackets outside of quotes. nullopt: the line is
// malformed, so that nothing in it can be believed.
std::optional<std::vector<std::string>> ParseForwarded(std::string_view value);

// The address of a node, without brackets and port: "192.0.2.1" of "192.0.2.1:80". What names no address ("unknown",
// "_hidden") comes back as it is.
std::string_view NodeAddress(std::string_view node);

// `text` as the value of a pair: as it is where it is a token, else in quotes.
std::string ForwardedValue(std::string_view text);

}  // namespace sheaf::wire
