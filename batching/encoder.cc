#include "batching/encoder.h"

#include "batching/envelope_binary.h"
#include "batching/envelope_engineio.h"
#include "batching/envelope_json.h"
#include "batching/envelope_socketio_event.h"

namespace sheaf::batching {

const Encoder& EncoderFor(Envelope envelope) {
  switch (envelope) {
    case Envelope::kJson:
      break;
    case Envelope::kBinary:
      return BinaryEnvelope();
    case Envelope::kEngineIo:
      return EngineIoEnvelope();
    case Envelope::kSocketIoEvent:
      return SocketIoEventEnvelope();
  }
  return JsonEnvelope();
}

}  // namespace sheaf::batching
