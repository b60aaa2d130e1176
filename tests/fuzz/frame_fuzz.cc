// WebSocket frames from a client or from a server. First byte: the side and the size of the reads.
#include <algorithm>
#include <span>
#include <vector>

#include "proxy/wire/ws_frame.h"
#include "tests/fakes/frames.h"
#include "tests/fuzz/fuzz_util.h"

namespace sheaf::wire {
namespace {

struct Outcome {
  std::vector<std::string> events;  // a letter for the kind, then the payload
  std::string forwarded;            // the wire bytes of data frames
  FrameError error = FrameError::kNone;
  bool at_boundary = false;
};

class Receiver {
 public:
  Receiver(FrameSource source, const FrameLimits& limits, bool runs)
      : source_(source), runs_(runs), decoder_(source, limits), limits_(limits) {}

  void Receive(std::span<uint8_t> input) {
    while (outcome_.error == FrameError::kNone) {
      const size_t before = input.size();
      const FramePiece piece = runs_ ? decoder_.NextRun(input) : decoder_.Next(input);
      Require(input.size() <= before);
      if (piece.kind == FramePiece::Kind::kNeedMore) {
        Require(input.empty());
        break;
      }
      Take(piece);
    }
    outcome_.at_boundary = decoder_.at_message_boundary();
  }

  const Outcome& outcome() const { return outcome_; }

 private:
  void Take(const FramePiece& piece) {
    const std::string payload(piece.payload.begin(), piece.payload.end());
    switch (piece.kind) {
      case FramePiece::Kind::kNeedMore:
        return;
      case FramePiece::Kind::kError:
        outcome_.error = piece.error;
        return;
      case FramePiece::Kind::kData:
        return TakeData(piece);
      case FramePiece::Kind::kPing:
        outcome_.events.push_back("P" + payload);
        break;
      case FramePiece::Kind::kPong:
        outcome_.events.push_back("O" + payload);
        break;
      case FramePiece::Kind::kClose:
        Require(piece.close_code == 1005 ? payload.empty() : IsValidCloseCode(piece.close_code));
        outcome_.events.push_back("C" + std::to_string(piece.close_code) + payload);
        break;
    }
    Require(payload.size() <= kMaxControlPayload);
  }

  void TakeData(const FramePiece& piece) {
    Require(piece.first == !in_message_ && piece.starts_frame == !in_frame_);
    in_message_ = !piece.last;
    in_frame_ = !piece.ends_frame;
    outcome_.forwarded.append(piece.wire.begin(), piece.wire.end());
    const std::vector<std::string> payloads = PayloadsOf(piece, source_);
    size_t bytes = 0;
    for (const std::string& payload : payloads) {
      bytes += payload.size();
      message_ += payload;
      Require(message_.size() <= limits_.max_message);
      if (!in_message_) outcome_.events.push_back("M" + std::exchange(message_, ""));
    }
    Require(bytes == piece.bytes() && (in_message_ || payloads.size() == piece.messages()));
  }

  const FrameSource source_;
  const bool runs_;
  FrameDecoder decoder_;
  const FrameLimits& limits_;
  Outcome outcome_;
  std::string message_;
  bool in_message_ = false;
  bool in_frame_ = false;
};

Outcome DecodeInReads(FrameSource source, const FrameLimits& limits, std::string_view bytes, size_t read_size,
                      bool runs = false) {
  Receiver receiver(source, limits, runs);
  while (!bytes.empty() && receiver.outcome().error == FrameError::kNone) {
    const std::string_view part = bytes.substr(0, read_size);
    bytes.remove_prefix(part.size());
    std::vector<uint8_t> read(part.begin(), part.end());
    receiver.Receive(read);
  }
  return receiver.outcome();
}

// What passed the check must pass the next proxy's as well, and say the same.
void CheckForwarded(FrameSource source, const FrameLimits& limits, const Outcome& first) {
  const Outcome second = DecodeInReads(source, limits, first.forwarded, first.forwarded.size());
  Require(second.error == FrameError::kNone || first.error != FrameError::kNone);
  std::vector<std::string> messages;
  std::copy_if(first.events.begin(), first.events.end(), std::back_inserter(messages),
               [](const std::string& event) { return event[0] == 'M'; });
  Require(second.events == messages);
}

}  // namespace
}  // namespace sheaf::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf::wire;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const uint8_t choice = TakeByte(input);
  const FrameSource source = (choice & 1) != 0 ? FrameSource::kClient : FrameSource::kServer;
  // Small limits, so that inputs of a fuzzer's size reach them.
  const FrameLimits limits{.max_message = 1000, .max_fragments = 8};

  const Outcome whole = DecodeInReads(source, limits, input, input.size());
  const Outcome pieces = DecodeInReads(source, limits, input, (choice >> 1) + 1U);
  Require(whole.error == pieces.error && whole.events == pieces.events);
  const Outcome runs = DecodeInReads(source, limits, input, (choice >> 1) + 1U, true);
  Require(runs.error == pieces.error && runs.events == pieces.events && runs.forwarded == pieces.forwarded &&
          runs.at_boundary == pieces.at_boundary);
  if (whole.error == FrameError::kNone) {
    Require(whole.forwarded == pieces.forwarded && whole.at_boundary == pieces.at_boundary);
    CheckForwarded(source, limits, whole);
  }
  return 0;
}
