#include "proxy/http/request_start.h"

#include "proxy/base/log.h"
#include "proxy/base/redaction.h"
#include "proxy/http/error_answer.h"
#include "proxy/http/field_twins.h"
#include "proxy/http/forwarding.h"
#include "proxy/plan/admission.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/trace_context.h"
#include "proxy/wire/ws_handshake.h"

namespace sheaf {
namespace {

constexpr std::string_view kAsterisk = "*";

std::string_view PathOf(std::string_view target) {
  return target == kAsterisk ? "/" : target.substr(0, target.find('?'));
}

// Also below another path: a backend may be told to take that one off (ASGI's root_path).
bool EndsInMuxPath(std::string_view path) {
  for (size_t at = 0; at < path.size(); ++at) {
    const bool may_begin = path[at] == '/' || path[at] == '%';
    if (may_begin && wire::MayBeTakenFor(std::string("/").append(path.substr(at)), wire::kMuxPath)) return true;
  }
  return false;
}

// What passes between Sheaf and the backend alone. `path`: in normal form, where letters and dots stand for themselves,
// so that one look tells of nearly all that they are not the link's.
bool IsReserved(std::string_view path, std::string_view webhook) {
  constexpr std::string_view kMark = wire::kMuxPath.substr(1, wire::kMuxPath.rfind('/') - 1);
  if (path.find(kMark) != std::string_view::npos && EndsInMuxPath(path)) return true;
  return !webhook.empty() && wire::MayBeTakenFor(path, webhook);
}

// Where nobody in front names a client, it is the peer.
std::string ClientForLog(const WorkerContext& context, const wire::RequestHead& request, const Peer& peer,
                         const ClientInfo& client) {
  std::string original = OriginalClient(request, client, context.forwarding());
  return original == client.host ? peer.Name() : original;
}

// As the backend is told, by a trusted proxy in front or by us.
bool IsSecure(const wire::FieldLines& fields, const ClientInfo& client) {
  const auto scheme = fields.Find("X-Forwarded-Proto");
  return scheme ? EqualsIgnoreCase(*scheme, "https") || EqualsIgnoreCase(*scheme, "wss") : client.tls;
}

}  // namespace

void RemoveForgedNames(WorkerContext& context) {
  const size_t removed = RemoveTwins(context.request_head().fields, context.options().limits.underscores,
                                     context.forwarding().user_header);
  if (removed > 0) context.metrics().underscore_fields_removed_total.Add(removed);
}

std::optional<std::string> TargetOf(const wire::RequestHead& request) {
  return request.target == kAsterisk ? std::string(kAsterisk) : wire::NormalizeTarget(request.target);
}

const RoutePlan& RouteOf(const WorkerContext& context, std::string_view target) {
  return context.PlanOf(PathOf(target));
}

std::optional<RefuseReason> Admit(const WorkerContext& context, const wire::RequestHead& request,
                                  std::string_view target, const RouteOptions& route) {
  if (IsReserved(PathOf(target), context.options().memory.webhook)) return RefuseReason::kReservedPath;
  if (const auto refusal = AdmitRequest(context.load())) return refusal;
  if (request.wants_websocket) {
    if (const auto refusal = wire::CheckUpgradeRequest(request)) return refusal;
    if (!wire::OriginAllowed(request.Find("Origin"), route.allowed_origins)) return RefuseReason::kOriginNotAllowed;
    if (const auto refusal = AdmitWebSocket(context.load())) return refusal;
  }
  const bool too_large =
      route.max_body != 0 && request.body == wire::BodyKind::kLength && request.content_length > route.max_body;
  return too_large ? std::optional(RefuseReason::kBodyTooLarge) : std::nullopt;
}

ExchangeInfo InfoOf(const WorkerContext& context, const wire::RequestHead& request, const Peer& peer,
                    const ClientInfo& client, std::string_view target, const RouteOptions& route) {
  const Options::Log& log = context.options().log;
  return {.method = std::string(request.method),
          .target = ShownTarget(log, target, route.path),
          .client = ClientForLog(context, request, peer, client),
          .request_id = RequestIdFor(request, client),
          .user_agent = std::string(request.Find("User-Agent").value_or("").substr(0, kMaxLogValue)),
          .user = std::string(UserOf(request, client, context.forwarding())),
          .referer = ShownUrl(log, request.Find("Referer").value_or("")),
          .trace_id = std::string(wire::TraceId(request)),
          .minor_version = request.minor_version,
          .wants_html = WantsHtml(request),
          .keep_alive = request.keep_alive,
          .expects_continue = request.expect_continue};
}

std::unique_ptr<Negotiated> NegotiateFor(const WorkerContext& context, const wire::RequestHead& request,
                                         std::string& target, const RouteOptions& route) {
  if (request.wants_websocket) {
    return std::make_unique<Negotiated>(
        Negotiate(request, target, route, DeflateSettingsFrom(context.options().deflate)));
  }
  // The wish is for the WebSocket that is to come; the backend sees it in neither. Any other request's query is its own
  // affair.
  if (route.delivery != Delivery::kOff && IsEngineIo(target)) TakeQueryParameter(target, kBatchParameter);
  return nullptr;
}

pool::HttpRequest HttpRequestFor(const WorkerContext& context, const wire::RequestHead& request,
                                 const ClientInfo& client, std::string_view target, const RoutePlan& plan,
                                 std::string_view request_id) {
  return {.head = BuildUpstreamHead(request, client, context.forwarding(), target, request_id,
                                    plan.upstream->host_header()),
          .method = std::string(request.method),
          .body = request.body};
}

std::shared_ptr<const pool::Upgrade> UpgradeFor(const WorkerContext& context, const wire::RequestHead& request,
                                                const ClientInfo& client, std::string_view target,
                                                const RoutePlan& plan, std::string_view request_id) {
  auto upgrade = std::make_shared<pool::Upgrade>();
  upgrade->target = target;
  upgrade->fields = BuildUpgradeFields(request, client, context.forwarding(), request_id, plan.upstream->host_header());
  upgrade->client = OriginalClient(request, client, context.forwarding());
  // Of a client behind a proxy nobody tells the port.
  upgrade->client_port = upgrade->client == client.host ? client.port : uint16_t{0};
  upgrade->secure = IsSecure(upgrade->fields, client);
  upgrade->minor_version = static_cast<uint8_t>(request.minor_version);
  upgrade->frame_limits = &plan.upstream_limits;
  return upgrade;
}

std::string ShownTargetOf(const WorkerContext& context, const wire::RequestHead& request) {
  const Options::Log& log = context.options().log;
  if (log.path == LogPath::kFull) return ShownTarget(log, request.target, {});
  const std::optional<std::string> normal = wire::NormalizeTarget(request.target);
  return ShownTarget(log, request.target, normal ? context.PlanOf(*normal).options.path : "");
}

}  // namespace sheaf
