#include "proxy/session/session_facts.h"

#include "pool/endpoint.h"
#include "proxy/plan/route_plan.h"
#include "proxy/session/session.h"

namespace sheaf {
namespace {

std::string_view EndpointOf(const Session& session) {
  const pool::Endpoint* const endpoint = session.stream() != nullptr ? session.stream()->endpoint() : nullptr;
  return endpoint != nullptr ? std::string_view(endpoint->name()) : session.record().texts().upstream;
}

SessionErrors ErrorsOf(const Session& session) {
  const Outbox& outbox = session.outbox();
  return {.backend_pauses = outbox.pauses(),
          .client_pauses = session.client_pauses(),
          .messages_dropped = outbox.dropped(),
          .pushes_not_taken = outbox.not_taken(),
          .pings_unanswered = session.watch().awaiting_pong() ? uint64_t{1} : 0};
}

}  // namespace

SessionCondition ConditionOf(const Session& session, const SessionClock& clock) {
  if (session.closing()) return SessionCondition::kClosing;
  if (session.outbox().writer().full()) return SessionCondition::kSlow;
  return clock.now - session.active_at() >= clock.idle_after ? SessionCondition::kIdle : SessionCondition::kActive;
}

size_t QueuedBytesOf(const Session& session) {
  const Outbox& outbox = session.outbox();
  return outbox.waiting() + outbox.partial() + outbox.parked();
}

uint64_t BytesOf(const Session& session) {
  return session.input().bytes() + session.outbox().sent().bytes;
}

bool IsAtBackend(const Session& session, const SessionQuery& query) {
  if (session.plan().upstream->name() != query.backend) return false;
  return query.endpoint.empty() || EndpointOf(session) == query.endpoint;
}

SessionView ViewOf(const Session& session, const SessionClock& clock) {
  const SessionRecord::Texts texts = session.record().texts();
  const Outbox::Sent& sent = session.outbox().sent();
  SessionView view;
  view.id = session.id();
  view.user = texts.user;
  view.path = texts.target;
  view.route = session.plan().options.path;
  view.backend = session.plan().upstream->name();
  view.endpoint = EndpointOf(session);
  view.client = texts.client;
  view.condition = ConditionOf(session, clock);
  view.age = clock.now - session.record().started();
  view.idle = clock.now - session.active_at();
  view.queued_bytes = QueuedBytesOf(session);
  view.messages_in = session.input().messages();
  view.messages_out = sent.messages;
  view.bytes_in = session.input().bytes();
  view.bytes_out = sent.bytes;
  view.frames_out = sent.frames;
  view.delivery = session.outbox().delivery();
  view.compression = session.outbox().compression();
  return view;
}

SessionDetail DetailOf(const Session& session, const SessionClock& clock) {
  const SessionRecord::Texts texts = session.record().texts();
  SessionDetail detail;
  detail.view = ViewOf(session, clock);
  detail.started = std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                                          SteadyClock().Now() - session.record().started());
  detail.user_agent = texts.user_agent;
  detail.request_id = texts.request_id;
  detail.trace_id = texts.trace_id;
  detail.tls = session.connection().is_tls();
  detail.socket_io = session.socket_io();
  if (session.stream() != nullptr) {
    const pool::SocketStream::LinkUse link = session.stream()->link_use();
    detail.upstream_mode = link.shared ? "mux" : "tunnel";
    detail.reused = link.reused;
  }
  detail.errors = ErrorsOf(session);
  return detail;
}

}  // namespace sheaf
