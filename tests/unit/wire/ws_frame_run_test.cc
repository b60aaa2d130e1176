// Runs: messages that come as one piece are what they are one by one, however they are split, and whatever is between.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/fakes/frames.h"

namespace sheaf::wire {
namespace {

constexpr FrameLimits kLimits{.max_message = 300, .max_fragments = 4};

// What a receiver learns of a stream.
struct Seen {
  std::vector<std::string> events;  // "text hello", "ping x", "close 1000 bye"
  std::string forwarded;            // the bytes of all data frames
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t frames = 0;
  FrameError error = FrameError::kNone;
  size_t pieces = 0;

  bool Equals(const Seen& other) const {
    return events == other.events && forwarded == other.forwarded && messages == other.messages &&
           bytes == other.bytes && frames == other.frames && error == other.error;
  }
};

class Receiver {
 public:
  Receiver(FrameSource source, bool runs, bool deflate = false)
      : source_(source), runs_(runs), decoder_(source, kLimits, deflate) {}

  void Receive(std::string_view part) {
    std::vector<uint8_t> bytes(part.begin(), part.end());
    std::span<uint8_t> input = bytes;
    while (seen_.error == FrameError::kNone) {
      const FramePiece piece = runs_ ? decoder_.NextRun(input) : decoder_.Next(input);
      if (piece.kind == FramePiece::Kind::kNeedMore) return;
      Take(piece);
    }
  }
  const Seen& seen() const { return seen_; }

 private:
  void Take(const FramePiece& piece) {
    const std::string payload(piece.payload.begin(), piece.payload.end());
    switch (piece.kind) {
      case FramePiece::Kind::kData:
        return TakeData(piece);
      case FramePiece::Kind::kPing:
        return seen_.events.push_back("ping " + payload);
      case FramePiece::Kind::kPong:
        return seen_.events.push_back("pong " + payload);
      case FramePiece::Kind::kClose:
        return seen_.events.push_back("close " + std::to_string(piece.close_code) + payload);
      default:
        seen_.error = piece.error;
    }
  }

  void TakeData(const FramePiece& piece) {
    ++seen_.pieces;
    seen_.forwarded.append(piece.wire.begin(), piece.wire.end());
    seen_.messages += piece.messages();
    seen_.bytes += piece.bytes();
    seen_.frames += piece.frames();
    for (const std::string& payload : PayloadsOf(piece, source_)) {
      message_ += payload;
      if (piece.last)
        seen_.events.push_back((piece.compressed ? "compressed " : "message ") + std::exchange(message_, ""));
    }
  }

  const FrameSource source_;
  const bool runs_;
  FrameDecoder decoder_;
  Seen seen_;
  std::string message_;
};

Seen Read(FrameSource source, bool runs, std::string_view bytes, size_t split) {
  Receiver receiver(source, runs);
  receiver.Receive(bytes.substr(0, split));
  receiver.Receive(bytes.substr(split));
  return receiver.seen();
}

std::string FrameOf(FrameSource source, Opcode opcode, std::string_view payload, bool fin = true) {
  return source == FrameSource::kClient ? ClientFrame(opcode, payload, fin) : ServerFrame(opcode, payload, fin);
}

// Messages of every form of length, fragments and control frames between them.
std::string Stream(FrameSource source) {
  std::string all;
  for (const size_t size : {5U, 0U, 1U, 125U, 126U, 200U}) {
    all += FrameOf(source, Opcode::kText, std::string(size, 'a'));
    all += FrameOf(source, Opcode::kBinary, std::string(size, '\xFF'));
  }
  all += FrameOf(source, Opcode::kPing, "p") + FrameOf(source, Opcode::kText, "é€😀") +
         FrameOf(source, Opcode::kText, "one ", false) + FrameOf(source, Opcode::kPong, "") +
         FrameOf(source, Opcode::kContinuation, "two") + FrameOf(source, Opcode::kText, "x") +
         FrameOf(source, Opcode::kText, "y");
  return all;
}

// Something wrong, by itself the only frame.
struct Wrong {
  const char* what;
  std::string frame;
  FrameError error;
};

std::vector<Wrong> AllWrong(FrameSource source) {
  const FrameSource other = source == FrameSource::kClient ? FrameSource::kServer : FrameSource::kClient;
  std::string reserved = FrameOf(source, Opcode::kText, "r");
  reserved[0] = static_cast<char>(reserved[0] | 0x40);
  std::string unknown = FrameOf(source, Opcode::kText, "u");
  unknown[0] = '\x83';
  std::string long_form = FrameOf(source, Opcode::kText, std::string(126, 'l'));
  long_form[3] = 125;
  std::string half_control = FrameOf(source, Opcode::kPing, "h", false);
  return {{"bad UTF-8", FrameOf(source, Opcode::kText, "ab\xFF"), FrameError::kBadUtf8},
          {"half a character", FrameOf(source, Opcode::kText, "ab\xE2\x82"), FrameError::kBadUtf8},
          {"too big", FrameOf(source, Opcode::kBinary, std::string(301, 'b')), FrameError::kTooBig},
          {"reserved bit", reserved, FrameError::kProtocol},
          {"unknown opcode", unknown, FrameError::kProtocol},
          {"length not in its shortest form", long_form, FrameError::kProtocol},
          {"the other side's masking", FrameOf(other, Opcode::kText, "m"), FrameError::kProtocol},
          {"nothing to continue", FrameOf(source, Opcode::kContinuation, "c"), FrameError::kProtocol},
          {"half a control frame", half_control, FrameError::kProtocol}};
}

}  // namespace

TEST_CASE("messages that lie one behind another come as one piece, which says the last one and counts all") {
  std::string bytes = ClientFrame(Opcode::kText, "hello") + ClientFrame(Opcode::kBinary, std::string(200, 'b')) +
                      ClientFrame(Opcode::kText, "end");
  FrameDecoder decoder(FrameSource::kClient, kLimits);
  std::span<uint8_t> input(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
  const FramePiece piece = decoder.NextRun(input);
  CHECK(piece.wire.data() == reinterpret_cast<uint8_t*>(bytes.data()));
  CHECK_EQ(piece.wire.size(), bytes.size());
  CHECK_EQ(piece.messages(), 3);
  CHECK_EQ(piece.frames(), 3);
  CHECK_EQ(piece.bytes(), 208);
  CHECK_EQ(PayloadsOf(piece, FrameSource::kClient).back(), "end");
  CHECK(piece.opcode == Opcode::kText);
  CHECK(piece.first);
  CHECK(piece.last);
  CHECK(input.empty());
  CHECK(decoder.at_message_boundary());
  CHECK(decoder.NextRun(input).kind == FramePiece::Kind::kNeedMore);
}

TEST_CASE("wherever a stream is split, a run is what its messages are one by one") {
  for (const FrameSource source : {FrameSource::kClient, FrameSource::kServer}) {
    const std::string stream = Stream(source);
    const Seen whole = Read(source, false, stream, 0);
    CHECK_EQ(whole.messages, 16);
    CHECK_LT(Read(source, true, stream, 0).pieces, 8);
    for (size_t split = 0; split <= stream.size(); ++split) {
      CAPTURE(split);
      const Seen runs = Read(source, true, stream, split);
      REQUIRE(runs.Equals(Read(source, false, stream, split)));
      REQUIRE(runs.events == whole.events);
      REQUIRE_EQ(runs.forwarded, whole.forwarded);
    }
  }
}

TEST_CASE("what is wrong amid a run is found where it is, and what came before it is passed on") {
  for (const FrameSource source : {FrameSource::kClient, FrameSource::kServer}) {
    for (const Wrong& wrong : AllWrong(source)) {
      CAPTURE(wrong.what);
      const std::string before = Stream(source);
      const std::string stream = before + wrong.frame + FrameOf(source, Opcode::kText, "never");
      const Seen good = Read(source, true, before, 0);
      const Seen all = Read(source, true, stream, 0);
      CHECK(all.error == wrong.error);
      CHECK(all.events == good.events);
      CHECK_EQ(all.forwarded, good.forwarded);
      CHECK_EQ(all.messages, good.messages);
      for (size_t split = before.size() - 10; split <= stream.size(); ++split) {
        CAPTURE(split);
        REQUIRE(Read(source, true, stream, split).Equals(Read(source, false, stream, split)));
      }
    }
  }
}

TEST_CASE("a compressed message is no part of a run") {
  std::string compressed = ClientFrame(Opcode::kText, "zzz");
  compressed[0] = static_cast<char>(compressed[0] | 0x40);
  const std::string plain = ClientFrame(Opcode::kText, "a");
  Receiver receiver(FrameSource::kClient, true, true);
  receiver.Receive(plain + plain + compressed + compressed + plain + plain);
  CHECK(receiver.seen().events == std::vector<std::string>{"message a", "message a", "compressed zzz", "compressed zzz",
                                                           "message a", "message a"});
  CHECK_EQ(receiver.seen().pieces, 4);
}

TEST_CASE("streams at random, right and wrong, read in pieces at random, are the same in runs") {
  std::mt19937 random(1);
  size_t failed = 0;
  for (int round = 0; round < 3000; ++round) {
    const FrameSource source = round % 2 == 0 ? FrameSource::kClient : FrameSource::kServer;
    std::string stream;
    for (size_t count = random() % 12; count > 0; --count) {
      const Opcode opcode = random() % 8 == 0 ? Opcode::kPing : random() % 3 == 0 ? Opcode::kBinary : Opcode::kText;
      stream += FrameOf(source, opcode, std::string(random() % (opcode == Opcode::kPing ? 20 : 140), 'a'));
    }
    if (random() % 2 == 0 && !stream.empty()) stream[random() % stream.size()] = static_cast<char>(random());
    Receiver runs(source, true);
    Receiver singles(source, false);
    for (std::string_view rest = stream; !rest.empty();) {
      const std::string_view read = rest.substr(0, 1 + random() % 600);
      rest.remove_prefix(read.size());
      runs.Receive(read);
      singles.Receive(read);
    }
    failed += runs.seen().error != FrameError::kNone ? 1 : 0;
    CAPTURE(round);
    REQUIRE(runs.seen().Equals(singles.seen()));
  }
  CHECK_GT(failed, 200);
}

}  // namespace sheaf::wire
