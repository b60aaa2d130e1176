#include "proxy/http/lingering_close.h"

#include <utility>

#include "proxy/plan/context.h"

namespace sheaf {

LingeringClose::LingeringClose(WorkerContext& context, std::unique_ptr<net::Connection> connection,
                               const LingerTerms& terms)
    : context_(context), connection_(std::move(connection)), deadline_(*this), terms_(terms) {
  connection_->SetEvents(*this);
}

void LingeringClose::Start() {
  if (terms_.peer_is_done && connection_->SendRest()) return Close();
  context_.loop().SetDeadline(deadline_, kLongest);
  for (const PauseReason reason : {PauseReason::kPeerFull, PauseReason::kExchangeActive, PauseReason::kDraining}) {
    connection_->ResumeReading(reason);
  }
  connection_->DiscardInput();
  connection_->FinishWriting();
}

// The patience with the peer's FIN begins when our last byte has left; until then only a peer that reads nothing is
// late.
void LingeringClose::OnFinished() {
  if (connection_->ended()) return Close();
  if (context_.draining()) return context_.loop().SetDeadline(deadline_, kLongestWhileDraining);
  context_.loop().SetDeadline(deadline_, kLongest);
}

void LingeringClose::OnDeadline(net::Deadline& /*deadline*/) {
  const Duration limit = context_.options().timeouts.stall;
  const Duration stalled = connection_->StalledFor();
  if (connection_->queued() == 0 || stalled >= limit) return Close();
  context_.loop().SetDeadline(deadline_, limit - stalled);
}

void LingeringClose::Close() {
  if (connection_->closed()) return;
  context_.loop().CancelDeadline(deadline_);
  // An orderly end would make a fragment look whole where the connection's end is the response's.
  if (connection_->queued() > 0) connection_->Abort();
  connection_->Close();
  context_.home().ConnectionOver();
  context_.home().Retire(*this);
}

}  // namespace sheaf
