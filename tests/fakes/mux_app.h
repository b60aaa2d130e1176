// The app at the other end of a mux link, played over one connection of a ScriptedBackend. Reads what the proxy sends
// and writes it down, a line a record; fails the test where the proxy breaks the protocol.
//
//   MuxApp app(backend, 0);                   // its first connection
//   ... turns, with app.Poll() in between ...
//   app.Answer();                             // 101 and HELLO
//   app.Send(MuxAccept(1) + MuxText(1, "hello"));
//   CHECK(app.told == ...);   // "hello", "open 1 /ws", "text 1 hello", "text+ 1 half", "credit 0 100", "close 1 1000
//   bye"
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/wire/mux_payload.h"
#include "proxy/wire/ws_handshake.h"
#include "tests/fakes/frames.h"
#include "tests/fakes/mux_records.h"
#include "tests/fakes/scripted_backend.h"

namespace sheaf {

class MuxApp {
 public:
  MuxApp(ScriptedBackend& backend, size_t peer) : backend_(backend), peer_(peer) {}

  // What it says of itself. A window of 0: none.
  wire::MuxHello hello{
      .process = 1, .link_window = wire::kMuxWindowUp, .session_window = 64 * 1024, .largest_message = 0};
  bool gives_link_credit = true;  // for each frame, as soon as it is read
  bool answers_pings = true;
  std::vector<std::string> told;  // not of pings
  size_t pings = 0;
  std::map<uint32_t, std::string> opens;     // the payload of each OPEN, by stream
  std::map<uint32_t, std::string> messages;  // what each session has sent, all of it
  std::vector<size_t> frames;                // the size of each
  std::string last_pong;                     // its eight bytes

  // The handshake's head, once it is all there.
  const std::string& head() const { return head_; }
  bool ended() const { return backend_.ended(peer_); }
  bool closed() const { return ended() || CountOf("closed") > 0; }

  size_t Count(std::string_view line) const {
    size_t count = 0;
    for (const std::string& one : told) count += one == line ? 1 : 0;
    return count;
  }
  bool Told(std::string_view line) const { return Count(line) != 0; }
  // Lines that begin so.
  size_t CountOf(std::string_view beginning) const {
    size_t count = 0;
    for (const std::string& one : told) count += one.starts_with(beginning) ? 1 : 0;
    return count;
  }
  size_t opened() const { return opens.size(); }

  // Takes what has come.
  void Poll() {
    bytes_ += backend_.received(peer_);
    backend_.Forget(peer_);
    if (head_.empty()) {
      const size_t end = bytes_.find("\r\n\r\n");
      if (end == std::string::npos) return;
      head_ = bytes_.substr(0, end + 4);
      bytes_.erase(0, end + 4);
    }
    if (switched_) ReadFrames();
  }

  void SwitchProtocols(std::string_view subprotocol = wire::kMuxSubprotocol) {
    const size_t at = head_.find("Sec-WebSocket-Key: ");
    REQUIRE(at != std::string::npos);
    const std::string key = head_.substr(at + 19, 24);
    std::string answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    answer += "Sec-WebSocket-Accept: " + wire::WebSocketAccept(key) + "\r\n";
    if (!subprotocol.empty()) answer.append("Sec-WebSocket-Protocol: ").append(subprotocol).append("\r\n");
    backend_.Send(peer_, answer + "\r\n");
    switched_ = true;
  }
  void SayHello() {
    Send(MuxHelloOf(hello));
    link_credit_ = hello.link_window;
  }
  void Answer() {
    SwitchProtocols();
    SayHello();
  }
  // One frame of these records.
  void Send(std::string_view records) { SendBytes(ServerFrame(wire::Opcode::kBinary, records)); }
  void SendBytes(std::string_view bytes) { backend_.Send(peer_, bytes); }
  void GiveCredit(uint32_t stream, uint32_t bytes) {
    CreditOf(stream) += bytes;
    Send(MuxCredit(stream, bytes));
  }
  void Close() { backend_.Close(peer_); }

 private:
  void ReadFrames() {
    std::vector<uint8_t> input(bytes_.begin(), bytes_.end());
    bytes_.clear();
    std::span<uint8_t> left = input;
    for (;;) {
      const wire::FramePiece piece = decoder_.Next(left);
      REQUIRE(piece.kind != wire::FramePiece::Kind::kError);
      if (piece.kind == wire::FramePiece::Kind::kNeedMore) return;
      if (piece.kind == wire::FramePiece::Kind::kClose) {
        told.push_back("closed " + std::to_string(piece.close_code));
        continue;
      }
      REQUIRE(piece.kind == wire::FramePiece::Kind::kData);
      REQUIRE(piece.opcode == wire::Opcode::kBinary);
      std::string payload(piece.payload.begin(), piece.payload.end());
      wire::ApplyMask({reinterpret_cast<uint8_t*>(payload.data()), payload.size()}, piece.mask);
      frame_ += payload;
      if (piece.last) ReadRecords(std::exchange(frame_, ""));
    }
  }

  void ReadRecords(std::string frame) {
    REQUIRE(frame.size() <= wire::kMuxMaxFrame);
    frames.push_back(frame.size());
    std::span<uint8_t> left(reinterpret_cast<uint8_t*>(frame.data()), frame.size());
    uint32_t counted = 0;
    while (!left.empty()) {
      const wire::MuxRecord record = wire::NextMuxRecord(wire::MuxEnd::kApp, left);
      REQUIRE(record.kind == wire::MuxRecord::Kind::kRecord);
      counted += OnRecord(record);
    }
    if (gives_link_credit && hello.link_window != 0 && counted > 0) GiveCredit(0, counted);
  }

  // Returns the bytes that count for the link.
  uint32_t OnRecord(const wire::MuxRecord& record) {
    const std::string payload(AsText(record.payload));
    const auto size = static_cast<uint32_t>(payload.size());
    const std::string stream = std::to_string(record.stream);
    const std::string more = record.more() ? "+ " : " ";
    switch (record.type) {
      case wire::MuxType::kHello:
        REQUIRE(told.empty());
        told.push_back("hello");
        return 0;
      case wire::MuxType::kOpen:
        OnOpen(record, payload);
        return size;
      case wire::MuxType::kText:
      case wire::MuxType::kBinary:
        Spend(record.stream, static_cast<uint32_t>(wire::MuxCharge(size)));
        messages[record.stream] += payload;
        told.push_back((record.type == wire::MuxType::kText ? "text" : "binary") + more + stream + " " + payload);
        return static_cast<uint32_t>(wire::MuxCharge(size));
      case wire::MuxType::kCredit:
        told.push_back("credit " + stream + " " + std::to_string(wire::ReadLittle32(record.payload.data())));
        return 0;
      case wire::MuxType::kClose:
        told.push_back("close " + stream + " " + std::to_string(wire::ReadLittle16(record.payload.data())) +
                       (size > 2 ? " " : "") + payload.substr(2));
        return 0;
      case wire::MuxType::kPong:
        last_pong = payload;
        return 0;
      case wire::MuxType::kPing:
        ++pings;
        if (answers_pings) Send(MuxPingOf(wire::MuxType::kPong, payload));
        return 0;
      default:
        REQUIRE(record.type == wire::MuxType::kGoaway);
        told.push_back("goaway " + std::to_string(wire::ReadLittle16(record.payload.data())));
        return 0;
    }
  }

  void OnOpen(const wire::MuxRecord& record, const std::string& payload) {
    const bool first = !amid_open_;
    if (first) REQUIRE(record.stream > last_open_);
    if (!first) REQUIRE(record.stream == last_open_);
    last_open_ = record.stream;
    amid_open_ = record.more();
    opens[record.stream] += payload;
    if (hello.link_window != 0) {
      if (first) REQUIRE(link_credit_ > 0);
      link_credit_ -= static_cast<int64_t>(payload.size());
    }
    if (amid_open_) return;
    session_credit_[record.stream] = hello.session_window;
    told.push_back("open " + std::to_string(record.stream) + " " + TargetOf(opens[record.stream]));
  }

  void Spend(uint32_t stream, uint32_t bytes) {
    REQUIRE(!amid_open_);
    REQUIRE(session_credit_.count(stream) == 1);
    REQUIRE(session_credit_[stream] > 0);
    session_credit_[stream] -= bytes;
    if (hello.link_window == 0) return;
    REQUIRE(link_credit_ > 0);
    link_credit_ -= bytes;
  }

  int64_t& CreditOf(uint32_t stream) { return stream == 0 ? link_credit_ : session_credit_[stream]; }

  static std::string TargetOf(const std::string& open) {
    const auto* at = reinterpret_cast<const uint8_t*>(open.data());
    const size_t address = wire::ReadLittle16(at + 4);
    return open.substr(8 + address, wire::ReadLittle16(at + 6 + address));
  }

  ScriptedBackend& backend_;
  const size_t peer_;
  std::string head_;
  std::string bytes_;  // not read yet
  std::string frame_;
  bool switched_ = false;
  bool amid_open_ = false;
  uint32_t last_open_ = 0;
  int64_t link_credit_ = 0;
  std::map<uint32_t, int64_t> session_credit_;
  const wire::FrameLimits limits_{};
  wire::FrameDecoder decoder_{wire::FrameSource::kClient, limits_};
};

}  // namespace sheaf
