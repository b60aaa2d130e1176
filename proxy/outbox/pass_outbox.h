// Passes parts of messages on as they come (batching.delivery = "off"): nothing is gathered, and what the kernel does
// not take waits in the connection. See outbox.h.
#pragma once

#include "proxy/outbox/outbox.h"

namespace sheaf {

class PassOutbox final : public Outbox {
 public:
  using Outbox::Outbox;

  void Add(const wire::MessagePart& part) override;
  bool takes_runs() const override { return true; }
  bool passing_on() const override { return true; }
  std::string_view delivery() const override { return "off"; }

 private:
  void Take(const batching::MessageRef& message, Urgency urgency) override;
};

}  // namespace sheaf
