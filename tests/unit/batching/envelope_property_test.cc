// decode(encode(sequence)) is the sequence: the law of batching/envelopes.md on random sequences.
#include <doctest/doctest.h>

#include "tests/unit/batching/envelope_harness.h"
#include "tests/unit/batching/random_messages.h"

namespace sheaf::batching {
namespace {

std::string Show(const Pieces& pieces) {
  std::string text;
  for (const Piece& piece : pieces) text += (piece.is_text ? "\n text " : "\n binary ") + piece.data.substr(0, 300);
  return text;
}

constexpr size_t kSequences = 4000;

void CheckEnvelope(Envelope envelope, uint64_t seed) {
  RandomMessages random(seed);
  MessageStore store;
  Pieces frames;
  size_t batches = 0;
  size_t wrapped = 0;
  for (size_t i = 0; i < kSequences; ++i) {
    const Pieces sequence = random.Sequence(frames);
    const Encoded encoded = EncodeAll(EncoderFor(envelope), Intern(store, sequence));
    const std::optional<Pieces> decoded = DecodeAll(envelope, encoded.frames);
    const bool holds = decoded && *decoded == Expected(envelope, sequence);
    if (!holds) FAIL("sequence" << Show(sequence) << "\nframes" << Show(encoded.frames));
    batches += encoded.batches;
    wrapped += encoded.wrapped;
    frames = encoded.frames;
  }
  // The random messages do get to where mistakes could be.
  CHECK_GT(batches, kSequences / 16);
  CHECK_GT(wrapped, kSequences / 100);
}

}  // namespace

TEST_CASE("json gives random sequences back byte for byte") {
  CheckEnvelope(Envelope::kJson, 1);
}

TEST_CASE("binary gives random sequences back byte for byte") {
  CheckEnvelope(Envelope::kBinary, 2);
}

TEST_CASE("engineio gives random sequences back byte for byte") {
  CheckEnvelope(Envelope::kEngineIo, 3);
}

TEST_CASE("socketio-event gives the same events with the same arguments back") {
  CheckEnvelope(Envelope::kSocketIoEvent, 4);
}

}  // namespace sheaf::batching
