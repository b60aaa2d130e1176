#include "proxy/worker.h"

#include <system_error>
#include <utility>

#include "proxy/base/events.h"
#include "proxy/base/random.h"

namespace sheaf {
Worker::Worker(Shared& shared, const std::shared_ptr<const Generation>& first, std::unique_ptr<net::Loop> loop,
               uint32_t index, const std::vector<pool::Backend>& backends, WorkerMetrics& metrics)
    : shared_(shared),
      metrics_(metrics),
      loop_(std::move(loop)),
      upstreams_(*loop_, {.index = index, .workers = shared.workers}, metrics),
      entrances_(*loop_, kKeptFree, *this),
      outboxes_(first->options.deflate, metrics),
      context_({.shared = shared,
                .loop = *loop_,
                .metrics = metrics,
                .outboxes = outboxes_,
                .inflaters = inflaters_,
                .home = *this},
               first, Take(*first, backends)),
      directory_(index),
      relief_({.shared = shared,
               .loop = *loop_,
               .metrics = metrics,
               .context = context_,
               .upstreams = upstreams_,
               .outboxes = outboxes_,
               .inflaters = inflaters_,
               .members = members_}),
      pusher_(
          {.loop = *loop_, .metrics = metrics, .outboxes = outboxes_, .members = members_, .directory = directory_}),
      connection_lister_({.context = context_, .members = members_, .directory = directory_}),
      actions_({.loop = *loop_, .members = members_, .directory = directory_}),
      drain_deadline_(*this),
      leaving_deadline_(*this) {
  loop_->WatchQueued(kGrowthToLookAt, [this] { relief_.WatchGrowth(); });
  if (index != 0) return;
  webhook_ = std::make_unique<MemoryWebhook>(*loop_, context_.upstream(), options().memory, metrics);
  affinity_upkeep_.emplace(shared.affinity, metrics);
}

Worker::~Worker() {
  members_.sessions.ForEach([this](Session& session) { directory_.Remove(session); });
  // What has closed may still hold what the worker lent it.
  loop_->graveyard().DestroyAll();
}

void Worker::Run() {
  upstreams_.Maintain();  // begins to warm connections before the first client comes
  while (!stopped_) RunOneTurn();
}

void Worker::RunOneTurn() {
  metrics_.loop_turns_total.Add();
  loop_->WaitAndDispatch();  // callbacks run; they may Close, never destroy
  relief_.FollowPressure();  // before the steps of relief, which are posted
  relief_.FollowLoad();
  loop_->RunPosted();
  ProcessHeldRequests();       // pipelined requests whose turn has come
  outboxes_.FlushDue(*loop_);  // batches of this turn; those of a tick were flushed when it came
  upstreams_.Maintain();       // after all callbacks, so that it sees the turn's demand as a whole
  relief_.ShedWithinBudget();
  loop_->FlushWrites();
  ForgetOldFrames();
  if (affinity_upkeep_) affinity_upkeep_->Turn(loop_->now());
  relief_.HintAtGrowth();
  loop_->graveyard().DestroyAll();  // the only place where clients, sessions, exchanges and links die
}

void Worker::ProcessHeldRequests() {
  for (size_t left = soon_.size(); left > 0 && !soon_.empty(); --left) soon_.PopFront().ProcessHeld();
}

void Worker::ForgetOldFrames() {
  if (loop_->now() - frames_expired_ < net::kTick) return;
  frames_expired_ = loop_->now();
  outboxes_.Expire(loop_->now(), relief_.ContextBound());
}

void Worker::OnAccepted(int fd, const net::Address& address, const ListenerTerms& terms) {
  shared_.connections.fetch_add(1, std::memory_order_relaxed);
  metrics_.client_connections.Add();
  metrics_.client_connections_accepted_total.Add();
  const Peer peer = Peer::Of(address);
  const std::optional<RefuseReason> refusal = AdmitConnection(context_.load());
  if (!refusal && terms.proxy_protocol) return Greet(fd, peer, terms);
  auto client = std::make_unique<Client>(context_, peer);
  if (!client->Start(fd, terms.tls.get())) {
    ConnectionOver();
    return;
  }
  Client& member = members_.clients.Adopt(std::move(client));
  if (refusal) member.RefuseConnection(*refusal, MayLinger(context_.load()));
}

void Worker::Greet(int fd, const Peer& peer, const ListenerTerms& terms) {
  auto greeting = std::make_unique<ProxyGreeting>(context_, peer, terms.tls);
  if (!greeting->Start(fd)) return ConnectionOver();
  members_.greetings.Adopt(std::move(greeting));
}

void Worker::StartClient(std::unique_ptr<net::Connection> connection, const Peer& peer, const net::TlsContext* tls,
                         std::span<uint8_t> received) {
  Client& client = members_.clients.Adopt(std::make_unique<Client>(context_, peer));
  client.TakeOver(std::move(connection), tls, received);
  if (context_.draining()) client.Drain();
}

void Worker::OnAcceptPaused(int error) {
  metrics_.client_accept_pauses_total.Add();
  Announce(EventKind::kAccept, LogLevel::kWarning,
           "accepting pauses: raise the limit of open files, or set listen.max_connections below it",
           {{"error", std::generic_category().message(error)}});
}

void Worker::ConnectionOver() {
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  metrics_.client_connections.Sub();
}

void Worker::StartSession(std::unique_ptr<net::Connection> connection, std::unique_ptr<pool::SocketStream> stream,
                          const RoutePlan& plan, const Negotiated& negotiated, const SessionInfo& info,
                          std::string_view early) {
  Session& session = members_.sessions.Adopt(
      std::make_unique<Session>(context_, std::move(connection), std::move(stream), plan, negotiated, info));
  directory_.Add(session);
  session.Start(early);
}

void Worker::Linger(std::unique_ptr<net::Connection> connection, const LingerTerms& terms) {
  members_.lingering.Adopt(std::make_unique<LingeringClose>(context_, std::move(connection), terms)).Start();
}

void Worker::ProcessSoon(Client& client) {
  if (!client.soon_hook_.linked()) soon_.PushBack(client);
}

void Worker::Retire(ProxyGreeting& greeting) {
  loop_->graveyard().Retire(members_.greetings.Release(greeting));
}

void Worker::Retire(Client& client) {
  if (client.soon_hook_.linked()) soon_.Remove(client);
  // Not yet adopted: it closed while it was being started.
  if (client.hook_.linked()) loop_->graveyard().Retire(members_.clients.Release(client));
}

void Worker::Retire(Session& session) {
  directory_.Remove(session);
  loop_->graveyard().Retire(members_.sessions.Release(session));
}

void Worker::Retire(LingeringClose& lingering) {
  loop_->graveyard().Retire(members_.lingering.Release(lingering));
}

void Worker::Drain(Duration window) {
  entrances_.Drain();
  actions_.Stop();  // all go with the drain, so that it is even
  drain_pace_ = DrainPace(loop_->now(), window, RandomFraction());
  members_.greetings.ForEach([](ProxyGreeting& greeting) { greeting.Drain(); });
  members_.clients.ForEach([](Client& client) { client.Drain(); });
  CloseSomeSessions();
}

void Worker::Undrain(const EntranceChanges& changes) {
  loop_->CancelDeadline(drain_deadline_);
  entrances_.Change(changes);
}

void Worker::OnDeadline(net::Deadline& deadline) {
  if (&deadline == &leaving_deadline_) return CloseSomeLeaving();
  CloseSomeSessions();
}

void Worker::CloseSomeLeaving() {
  loop_->FlushWrites();  // a write that fails closes its session: not while the list below is walked
  const auto concerns = [](Session& session) { return session.leaving() && !session.closing(); };
  size_t open = 0;
  members_.sessions.ForEach([&](Session& session) { open += concerns(session) ? 1 : 0; });
  size_t count = leaving_pace_.Due(loop_->now(), open);
  members_.sessions.ForEachWhile([&](Session& session) {
    if (count > 0 && concerns(session)) {
      --count;
      session.BeginClose(session.plan().removed() ? CloseReason::kRouteRemoved : CloseReason::kUpstreamDrained);
    }
    return count > 0;
  });
  loop_->SetDeadline(leaving_deadline_, kLeavingInterval);
}

void Worker::CloseSomeSessions() {
  // A write that fails closes its session: not while the list below is walked.
  loop_->FlushWrites();
  size_t open = 0;
  members_.sessions.ForEach([&open](Session& session) { open += session.closing() ? 0 : 1; });
  size_t count = drain_pace_.Due(loop_->now(), open);
  members_.sessions.ForEachWhile([&count](Session& session) {
    if (count == 0) return false;
    if (session.closing()) return true;
    --count;
    session.BeginClose(CloseReason::kDrain);
    return true;
  });
  // New ones can still come out of handshakes that are under way.
  loop_->SetDeadline(drain_deadline_, net::kTick);
}

void Worker::Stop() {
  stopped_ = true;
  entrances_.Close();
  if (webhook_) webhook_->Stop();
  upstreams_.Drain();
  members_.sessions.ForEach([](Session& session) { session.Close(CloseReason::kDrain); });
  members_.greetings.ForEach([](ProxyGreeting& greeting) { greeting.Close(CloseReason::kDrain); });
  members_.clients.ForEach([](Client& client) { client.Close(CloseReason::kDrain); });
  upstreams_.Maintain();  // mux links send what the sessions' ends have left
  loop_->FlushWrites();
  members_.lingering.ForEach([](LingeringClose& lingering) { lingering.Close(); });
}

void Worker::Adopt(std::shared_ptr<const Generation> next, const std::vector<pool::Backend>& backends) {
  if (stopped_) return;
  const std::vector<pool::UpstreamRef> taken = Take(*next, backends);
  context_.Adopt(std::move(next), taken);
  if (webhook_) webhook_->Adopt(context_.upstream(), options().memory);
  outboxes_.Adopt(options().deflate);
  relief_.OnAdopted();
  CloseLeaving();
}

void Worker::CloseLeaving() {
  if (stopped_) return;
  if (const Duration max_age = options().reload.max_age; max_age > Duration::zero()) {
    leaving_pace_ = DrainPace(loop_->now(), max_age, RandomFraction());
    CloseSomeLeaving();
  } else {
    loop_->CancelDeadline(leaving_deadline_);
  }
}

void Worker::TellBackend(const memwatch::PressureChange& change) {
  if (webhook_ && !stopped_) webhook_->Tell(change);
}

std::vector<pool::UpstreamRef> Worker::Take(const Generation& generation, const std::vector<pool::Backend>& backends) {
  std::vector<pool::UpstreamRef> taken;
  for (size_t i = 0; i < backends.size(); ++i) {
    const BackendOptions& options = generation.options.backends[i];
    taken.push_back(upstreams_.Take(backends[i], pool::UpstreamSettings::From(generation.options, options)));
  }
  return taken;
}
}  // namespace sheaf
