// Prints what the encoders make of random sequences, for the decoders in other languages: envelope_corpus SEQUENCES.
// One JSON object a line: the envelope; the messages; the same in the form that `socketio-event` may give them back in;
// and the frames. Each message and frame is "t" (text) or "b" (binary) and its bytes in hexadecimal digits.
#include <cstdio>
#include <cstdlib>

#include "tests/unit/batching/envelope_harness.h"
#include "tests/unit/batching/random_messages.h"

namespace sheaf::batching {
namespace {

std::string List(const Pieces& pieces) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "[";
  for (const Piece& piece : pieces) {
    text += text.size() > 1 ? ",\"" : "\"";
    text += piece.is_text ? 't' : 'b';
    for (const char c : piece.data) {
      text += kDigits[static_cast<uint8_t>(c) >> 4];
      text += kDigits[static_cast<uint8_t>(c) & 15];
    }
    text += '"';
  }
  return text + "]";
}

void PrintSequences(Envelope envelope, const char* name, size_t sequences) {
  RandomMessages random(sequences + static_cast<size_t>(envelope));
  MessageStore store;
  Pieces frames;
  for (size_t i = 0; i < sequences; ++i) {
    const Pieces sequence = random.Sequence(frames);
    frames = EncodeAll(EncoderFor(envelope), Intern(store, sequence)).frames;
    std::printf("{\"envelope\":\"%s\",\"messages\":%s,\"canonical\":%s,\"frames\":%s}\n", name, List(sequence).c_str(),
                List(Expected(envelope, sequence)).c_str(), List(frames).c_str());
  }
}

}  // namespace
}  // namespace sheaf::batching

int main(int count, char** arguments) {
  const size_t sequences = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 1000;
  using sheaf::Envelope;
  sheaf::batching::PrintSequences(Envelope::kJson, "json", sequences);
  sheaf::batching::PrintSequences(Envelope::kBinary, "binary", sequences);
  sheaf::batching::PrintSequences(Envelope::kEngineIo, "engineio", sequences);
  sheaf::batching::PrintSequences(Envelope::kSocketIoEvent, "socketio-event", sequences);
  return 0;
}
