#include "proxy/http/placing.h"

#include <optional>
#include <utility>

#include "pool/affinity.h"
#include "pool/balance.h"
#include "proxy/base/log.h"
#include "proxy/plan/context.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {
namespace {

void TellOfEncodedAnswer(WorkerContext& context) {
  if (!context.MayTellOfEncodedHandshake()) return;
  Log(LogLevel::kWarning,
      "the answer to a Socket.IO handshake is compressed, so that its session's later requests may come to another "
      "endpoint: have the backend leave so short an answer uncompressed, or set affinity = \"none\" if it needs none");
}

}  // namespace

void SidLearner::OnHead(const wire::ResponseHead& head, pool::EndpointRef endpoint) {
  endpoint_ = std::move(endpoint);
  Conclude(reader_.Begin(head.status, head.Find("Content-Encoding").value_or("")));
}

void SidLearner::OnBody(std::string_view data) {
  if (endpoint_) Conclude(reader_.Read(data));
}

void SidLearner::OnEnd() {
  if (endpoint_) Conclude(reader_.End());
}

void SidLearner::Conclude(wire::HandshakeReader::Verdict verdict) {
  using Verdict = wire::HandshakeReader::Verdict;
  if (verdict == Verdict::kNeedMore) return;
  if (verdict == Verdict::kFound) {
    context_.affinity().Learn(reader_.sid(), endpoint_, reader_.lifetime(), context_.loop().now());
  }
  if (verdict == Verdict::kEncoded) TellOfEncodedAnswer(context_);
  endpoint_.reset();  // nothing more is looked at
}

Placing PlaceRequest(WorkerContext& context, const wire::RequestHead& request, std::string_view target,
                     std::string_view client, const RoutePlan& plan) {
  const pool::UpstreamSettings& settings = plan.upstream->settings();
  Placing placing;
  if (settings.balance == Balance::kHash) {
    placing.placement.hash = pool::HashText(settings.balance_key.Of(request, client));
  }
  if (settings.affinity == AffinityMode::kNone) return placing;
  const std::optional<wire::EngineIoRequest> engine_io = wire::ReadEngineIoRequest(target);
  if (!engine_io) return placing;
  pool::Affinity& affinity = context.affinity();
  if (engine_io->sid.empty()) {
    // Over a WebSocket the session has no other request.
    if (!request.wants_websocket) placing.learner = std::make_unique<SidLearner>(context);
  } else if (request.wants_websocket) {
    auto [endpoint, hold] = affinity.FindForSocket(engine_io->sid, context.loop().now());
    placing.placement.endpoint = std::move(endpoint);
    placing.placement.hold = std::move(hold);
  } else {
    placing.placement.endpoint = affinity.Find(engine_io->sid, context.loop().now());
    placing.placement.counted = placing.placement.endpoint != nullptr;
  }
  return placing;
}

}  // namespace sheaf
