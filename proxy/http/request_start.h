// How a request begins: from a well-formed head to its admission, and to what goes upstream and into the log. Functions
// of the head, of who sent it and of the worker's context; nothing here waits or writes to a connection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pool/http_stream.h"
#include "pool/upgrade.h"
#include "proxy/base/status.h"
#include "proxy/http/exchange.h"
#include "proxy/http/forwarded_fields.h"
#include "proxy/http/peer.h"
#include "proxy/plan/context.h"
#include "proxy/plan/negotiation.h"
#include "proxy/wire/http1.h"

namespace sheaf {

// Removes the fields that a backend could take for others, from the request in the context; before anybody reads it.
void RemoveForgedNames(WorkerContext& context);

// The target in normal form, or "*"; nullopt: it has none.
std::optional<std::string> TargetOf(const wire::RequestHead& request);

// The route of a target in normal form.
const RoutePlan& RouteOf(const WorkerContext& context, std::string_view target);

// What its route and the present load say of the request. nullopt: it is admitted.
std::optional<RefuseReason> Admit(const WorkerContext& context, const wire::RequestHead& request,
                                  std::string_view target, const RouteOptions& route);

// What the exchange keeps of the request.
ExchangeInfo InfoOf(const WorkerContext& context, const wire::RequestHead& request, const Peer& peer,
                    const ClientInfo& client, std::string_view target, const RouteOptions& route);

// What a WebSocket handshake is to get; nullptr for other requests. What is Sheaf's own in the query goes off `target`.
std::unique_ptr<Negotiated> NegotiateFor(const WorkerContext& context, const wire::RequestHead& request,
                                         std::string& target, const RouteOptions& route);

// The request as it goes upstream.
pool::HttpRequest HttpRequestFor(const WorkerContext& context, const wire::RequestHead& request,
                                 const ClientInfo& client, std::string_view target, const RoutePlan& plan,
                                 std::string_view request_id);

// A WebSocket handshake as it goes upstream. What the upgrade points to is the plan's.
std::shared_ptr<const pool::Upgrade> UpgradeFor(const WorkerContext& context, const wire::RequestHead& request,
                                                const ClientInfo& client, std::string_view target,
                                                const RoutePlan& plan, std::string_view request_id);

// The target of a request that is refused, before its route was looked for perhaps, as the log may show it.
std::string ShownTargetOf(const WorkerContext& context, const wire::RequestHead& request);

}  // namespace sheaf
