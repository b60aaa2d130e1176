#include "proxy/lingering_close.h"

#include <utility>

#include "proxy/worker.h"

namespace sheaf {

LingeringClose::LingeringClose(Worker& worker, std::unique_ptr<net::Connection> connection)
    : worker_(worker), connection_(std::move(connection)), deadline_(*this) {
  connection_->SetEvents(*this);
}

void LingeringClose::Start() {
  worker_.loop().SetDeadline(deadline_, kLongest);
  for (const PauseReason reason : {PauseReason::kPeerFull, PauseReason::kExchangeActive}) {
    connection_->ResumeReading(reason);
  }
  connection_->FinishWriting();
}

void LingeringClose::Close() {
  if (connection_->closed()) return;
  worker_.loop().CancelDeadline(deadline_);
  connection_->Close();
  worker_.ConnectionOver();
  worker_.Retire(*this);
}

}  // namespace sheaf
