// What may be written, by the log and by whoever else shows requests to people, of what can hold a secret: browsers put
// tokens into queries (they cannot set a field of a WebSocket's handshake), and so into the Referer.
//
//   ShownTarget(log, "/ws?EIO=4&token=s3cr3t&sid=x", "/ws")    "/ws?EIO=4&token=-&sid=-"       log.query = "names"
//                                                              "/ws"                           log.query = "none"
//
// Pure; any thread. The cost is bounded by the input's length, the result by kMostShown.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/base/option_table.h"

namespace sheaf {

// Nothing longer is shown; the log cuts its values at the same length.
inline constexpr size_t kMostShown = 2 * 1024;

// `target`: of a request's first line, whatever stands there, in normal form or as received. `route`: the path of the
// route that it matched; empty: none (shown as "-").
std::string ShownTarget(const Options::Log& log, std::string_view target, std::string_view route);

// The value of a Referer, or another URL that a client sent.
std::string ShownUrl(const Options::Log& log, std::string_view url);

// A url of the configuration, for errors, without the name and the password before its host; all else is as it was.
std::string WithoutUser(std::string_view url);

// The beginning of a response's head, or what stands in the place of one: the values of its fields are left out
// ("Set-Cookie: -"), but for those of framing and of the handshake.
std::string ShownFields(std::string_view head);

}  // namespace sheaf
