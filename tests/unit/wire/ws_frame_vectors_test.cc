// The golden vectors (tests/vectors/frames.json), decoded whole, cut at every byte, and byte by byte.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proxy/wire/ws_frame.h"
#include "tests/unit/wire/vectors_test_util.h"

namespace sheaf::wire {
namespace {

struct Event {
  std::string type;
  std::string payload;
  int code = 0;  // of a close

  bool operator==(const Event&) const = default;
};

doctest::String toString(const std::vector<Event>& events) {
  std::string text;
  for (const Event& event : events) {
    text += event.type + "(" + std::to_string(event.code) + ", " + std::to_string(event.payload.size()) +
            " bytes: " + event.payload.substr(0, 40) + ") ";
  }
  return text.c_str();
}

struct Vector {
  std::string name;
  FrameSource source;
  FrameLimits limits;
  std::string bytes;
  std::vector<Event> events;
  int error;
};

Vector ToVector(const rapidjson::Value& json) {
  Vector vector{json["name"].GetString(),
                json["source"] == "client" ? FrameSource::kClient : FrameSource::kServer,
                {.max_message = 1 << 24, .max_fragments = 1024},
                Unpack(json["bytes"]),
                {},
                json["error"].GetInt()};
  if (json.HasMember("max_message")) vector.limits.max_message = json["max_message"].GetUint64();
  if (json.HasMember("max_fragments")) vector.limits.max_fragments = json["max_fragments"].GetUint();
  for (const auto& event : json["events"].GetArray()) {
    const int code = event.HasMember("code") ? event["code"].GetInt() : 0;
    vector.events.push_back({event["type"].GetString(), Unpack(event["payload"]), code});
  }
  return vector;
}

std::vector<Vector> ReadVectors() {
  const rapidjson::Document json = ReadVectorFile("frames.json");
  std::vector<Vector> vectors;
  for (const auto& entry : json["vectors"].GetArray()) vectors.push_back(ToVector(entry));
  return vectors;
}

int CloseCodeOf(FrameError error) {
  switch (error) {
    case FrameError::kNone:
      return 0;
    case FrameError::kProtocol:
      return 1002;
    case FrameError::kBadUtf8:
      return 1007;
    case FrameError::kTooBig:
      return 1009;
    case FrameError::kTooManyParts:
      return 1008;
  }
  return -1;
}

// A receiver that puts messages together, and checks what a piece promises.
class Receiver {
 public:
  explicit Receiver(const Vector& vector) : decoder_(vector.source, vector.limits) {}

  // `bytes` are changed (control payloads are unmasked in place).
  void Receive(std::span<uint8_t> bytes) {
    while (error_ == 0) {
      const FramePiece piece = decoder_.Next(bytes);
      if (piece.kind == FramePiece::Kind::kNeedMore) {
        REQUIRE(bytes.empty());
        return;
      }
      Take(piece);
    }
  }

  const std::vector<Event>& events() const { return events_; }
  int error() const { return error_; }
  const std::string& forwarded() const { return forwarded_; }
  const FrameDecoder& decoder() const { return decoder_; }

 private:
  void Take(const FramePiece& piece) {
    const std::string payload(piece.payload.begin(), piece.payload.end());
    switch (piece.kind) {
      case FramePiece::Kind::kNeedMore:
        return;
      case FramePiece::Kind::kPing:
        events_.push_back({"ping", payload});
        return;
      case FramePiece::Kind::kPong:
        events_.push_back({"pong", payload});
        return;
      case FramePiece::Kind::kClose:
        events_.push_back({"close", payload, piece.close_code});
        return;
      case FramePiece::Kind::kError:
        error_ = CloseCodeOf(piece.error);
        return;
      case FramePiece::Kind::kData:
        return TakeData(piece, payload);
    }
  }

  void TakeData(const FramePiece& piece, std::string payload) {
    REQUIRE_EQ(piece.first, !in_message_);
    REQUIRE_EQ(piece.starts_frame, !in_frame_);
    in_message_ = !piece.last;
    in_frame_ = !piece.ends_frame;
    REQUIRE_FALSE((in_frame_ && !in_message_));
    ApplyMask({reinterpret_cast<uint8_t*>(payload.data()), payload.size()}, piece.mask);
    message_ += payload;
    forwarded_.append(piece.wire.begin(), piece.wire.end());
    if (in_message_) return;
    events_.push_back({piece.opcode == Opcode::kText ? "text" : "binary", std::move(message_)});
    message_.clear();
  }

  FrameDecoder decoder_;
  std::vector<Event> events_;
  std::string message_;
  std::string forwarded_;  // the wire bytes of data frames
  int error_ = 0;
  bool in_message_ = false;
  bool in_frame_ = false;
};

void CheckReads(const Vector& vector, const std::vector<size_t>& sizes) {
  Receiver receiver(vector);
  size_t begin = 0;
  for (const size_t size : sizes) {
    // A block of its own for each read, so that a sanitizer sees a view that outlives it.
    std::vector<uint8_t> read(vector.bytes.begin() + static_cast<ptrdiff_t>(begin),
                              vector.bytes.begin() + static_cast<ptrdiff_t>(begin + size));
    if (begin + size < vector.bytes.size()) REQUIRE_EQ(receiver.error(), 0);
    receiver.Receive(read);
    begin += size;
  }
  REQUIRE_EQ(begin, vector.bytes.size());
  REQUIRE_EQ(receiver.error(), vector.error);
  REQUIRE_EQ(receiver.events(), vector.events);

  const bool control = std::any_of(vector.events.begin(), vector.events.end(),
                                   [](const Event& event) { return event.type != "text" && event.type != "binary"; });
  if (vector.error == 0 && !control) {
    REQUIRE(receiver.forwarded() == vector.bytes);
    REQUIRE(receiver.decoder().at_message_boundary());
  }
}

}  // namespace

TEST_CASE("the golden vectors are there") {
  CHECK(ReadVectors().size() > 350);
}

TEST_CASE("a golden vector gives the same events whole, cut in two anywhere, and byte by byte") {
  for (const Vector& vector : ReadVectors()) {
    CAPTURE(vector.name);
    const size_t size = vector.bytes.size();
    CheckReads(vector, {size});
    CheckReads(vector, std::vector<size_t>(size, 1));
    for (size_t cut = 0; cut <= std::min<size_t>(size, 512); ++cut) CheckReads(vector, {cut, size - cut});
  }
}

}  // namespace sheaf::wire
