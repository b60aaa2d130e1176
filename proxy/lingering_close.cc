#include "proxy/lingering_close.h"

#include <utility>

#include "proxy/worker.h"

namespace sheaf {

LingeringClose::LingeringClose(Worker& worker, std::unique_ptr<net::Connection> connection, const LingerTerms& terms)
    : worker_(worker), connection_(std::move(connection)), deadline_(*this), terms_(terms) {
  connection_->SetEvents(*this);
}

void LingeringClose::Start() {
  if (terms_.peer_is_done && connection_->SendRest()) return Close();
  worker_.loop().SetDeadline(deadline_, kLongest);
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
  if (worker_.draining()) return worker_.loop().SetDeadline(deadline_, kLongestWhileDraining);
  worker_.loop().SetDeadline(deadline_, kLongest);
}

void LingeringClose::OnDeadline(net::Deadline& /*deadline*/) {
  const Duration limit = worker_.options().timeouts.stall;
  const Duration stalled = connection_->StalledFor();
  if (connection_->queued() == 0 || stalled >= limit) return Close();
  worker_.loop().SetDeadline(deadline_, limit - stalled);
}

void LingeringClose::Close() {
  if (connection_->closed()) return;
  worker_.loop().CancelDeadline(deadline_);
  // An orderly end would make a fragment look whole where the connection's end is the response's.
  if (connection_->queued() > 0) connection_->Abort();
  connection_->Close();
  worker_.ConnectionOver();
  worker_.Retire(*this);
}

}  // namespace sheaf
