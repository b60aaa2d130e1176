// permessage-deflate towards one client (RFC 7692): in what form each message goes to it. What many clients get is
// compressed once for all of them (batching/cohorts.h); what one alone gets, in a context of its own while it is worth
// one (ContextChoice), and without any context where there is none.
//
// Part of a BatchOutbox, which hands over its worker's context and calls Leave at its end; one thread only. Budget: 32
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "batching/cohorts.h"
#include "batching/message.h"
#include "proxy/outbox/context_choice.h"
#include "proxy/outbox/context_store.h"
#include "proxy/outbox/message_compressor.h"
#include "proxy/plan/context.h"
#include "proxy/wire/ws_deflate_offers.h"

namespace sheaf {

class ClientCompression {
 public:
  // nullopt: none was agreed on, and frames go as they are.
  ClientCompression(const std::optional<wire::DeflateAgreement>& agreed, DeflateContext context);
  ClientCompression(const ClientCompression&) = delete;
  ClientCompression& operator=(const ClientCompression&) = delete;

  bool agreed() const { return window_bits_ != 0; }
  // Contexts are kept between messages, so that it matters for whom a message is.
  bool keeps_context() const { return keeps_context_; }

  // The frame in which the message is to be written now. `for_many`: other clients are to get it, too. Valid until the
  // next call for any client.
  std::string_view Frame(WorkerContext& context, const batching::MessageRef& message, bool for_many);

  // For a message that is too large to be gathered and goes out in parts, between BeginLarge and EndLarge: the
  // compressor of its parts, which is the client's own context, or made in `lent`.
  void BeginLarge();
  MessageCompressor& ForLarge(WorkerContext& context, std::unique_ptr<MessageCompressor>& lent);
  void EndLarge();

  // For who looks at sessions: how the next message would go, if it were for many (proxy/base/session_view.h).
  std::string_view kind() const;
  // Memory of the context that the client has of its own.
  size_t context_bytes() const { return own_ ? own_->bytes() : 0; }

  // A frame was made, and did not reach the connection: no later one may refer to it.
  void ForgetContext() {
    own_.reset();
    place_.LoseTail();
  }
  // The client is gone.
  void Leave(batching::Cohorts& cohorts) { cohorts.Leave(place_); }

 private:
  static constexpr size_t kLeast = 8;  // what is smaller only grows

  bool shares(WorkerContext& context) const;
  void ChooseContext(WorkerContext& context, const batching::MessageRef& message, bool for_many);
  std::optional<std::string_view> InOwnContext(WorkerContext& context, const batching::MessageRef& message,
                                               bool for_many);
  std::optional<std::string_view> Shared(WorkerContext& context, const batching::MessageRef& message);
  std::optional<std::string_view> Alone(WorkerContext& context, const batching::MessageRef& message);
  void OnPlace(bool poor);

  batching::CohortPlace place_;
  std::unique_ptr<OwnContext> own_;  // while the client is worth it
  ContextChoice choice_;
  const uint8_t window_bits_;  // 0: nothing is compressed
  const bool keeps_context_;
  const bool cohorts_;  // deflate.context = shared
};

}  // namespace sheaf
