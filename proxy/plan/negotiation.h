// What a client asks for in its WebSocket handshake, and what it gets: an envelope for batch frames, and
// permessage-deflate. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/option_table.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/ws_deflate.h"
#include "proxy/wire/ws_deflate_offers.h"

namespace sheaf {

// The outcome, for the 101 and for the session.
struct Negotiated {
  std::optional<Envelope> envelope;  // batch frames in this form; none: frames as the backend sends them
  std::optional<wire::DeflateAgreement> deflate;
  bool socket_io = false;  // an Engine.IO transport, by its query (EIO=)
};

inline constexpr std::string_view kBatchField = "Sheaf-Batch";
inline constexpr std::string_view kBatchParameter = "sheaf";

// Removes every parameter `name` from the query of `target`, and returns the first one's value; the other parameters,
// their order and their escapes stay as they are. nullopt: there is none.
std::optional<std::string> TakeQueryParameter(std::string& target, std::string_view name);

// Whether `target` is of an Engine.IO client, whichever its transport: its query has EIO= and transport=. Such a client
// puts the parameters of its application on polling requests and on the WebSocket's handshake alike.
bool IsEngineIo(std::string_view target);

// `target`: in normal form; the query parameter `sheaf`, which goes before the field Sheaf-Batch, is removed from it. A
// name that is no envelope's is ignored.
Negotiated Negotiate(const wire::RequestHead& request, std::string& target, const RouteOptions& route,
                     const wire::DeflateSettings& settings);

// The compression side of the options.
wire::DeflateSettings DeflateSettingsFrom(const Options::Deflate& options);
wire::DeflateEffort DeflateEffortFrom(const Options::Deflate& options);

}  // namespace sheaf
