// Where a request goes among the endpoints of its backend: where its Engine.IO session lives, or as balance says; and
// what is learnt from the answer of a handshake.
#pragma once

#include <memory>
#include <string_view>

#include "pool/placement.h"
#include "proxy/wire/engine_io.h"
#include "proxy/wire/http1.h"

namespace sheaf {

class RoutePlan;
class WorkerContext;

// Learns the sid of one Engine.IO session from the answer to its handshake.
class SidLearner {
 public:
  explicit SidLearner(WorkerContext& context) : context_(context) {}

  // The answer comes from `endpoint`.
  void OnHead(const wire::ResponseHead& head, pool::EndpointRef endpoint);
  // To be told before the bytes go to the client, who may ask for the session as soon as it has them.
  void OnBody(std::string_view data);
  void OnEnd();

 private:
  void Conclude(wire::HandshakeReader::Verdict verdict);

  WorkerContext& context_;
  pool::EndpointRef endpoint_;
  wire::HandshakeReader reader_;
};

struct Placing {
  pool::Placement placement;
  std::unique_ptr<SidLearner> learner;  // nullptr: the request is no handshake of Engine.IO over polling
};

// `target`: in normal form. `client`: its address, as the log has it.
Placing PlaceRequest(WorkerContext& context, const wire::RequestHead& request, std::string_view target,
                     std::string_view client, const RoutePlan& plan);

}  // namespace sheaf
