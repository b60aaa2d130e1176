// Hears of a request, or of a handshake and of the WebSocket that it opens, and writes down what it is told, one line
// an event, bodies of the same response joined: "head 200", "body hello", "end", "message hello", "close 1000 bye",
// "blocked", "drained", "closed upstream_gone".
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/upgrade.h"

namespace sheaf {

class RecordingEvents final : public pool::HandshakeEvents, public pool::SocketEvents {
 public:
  std::vector<std::string> told;
  std::string wire;                             // the bytes of all messages' pieces, as they came
  std::function<void(std::string_view)> after;  // called behind each event with its first word
  std::unique_ptr<pool::SocketStream> socket;   // since it is open
  pool::RequestInLog in_log{"GET", "/", ""};

  size_t Count(std::string_view line) const {
    size_t count = 0;
    for (const std::string& one : told) count += one == line ? 1 : 0;
    return count;
  }
  bool Told(std::string_view line) const { return Count(line) != 0; }

  void OnUpstreamHead(const wire::ResponseHead& head) override { Tell("head", std::to_string(head.status)); }
  void OnUpstreamOpen(const wire::ResponseHead& head, std::unique_ptr<pool::SocketStream> opened) override {
    socket = std::move(opened);
    socket->SetEvents(*this);
    Tell("head", std::to_string(head.status));
  }
  void OnUpstreamBody(std::string_view data) override { Join("body", data); }
  void OnUpstreamEnd() override { Tell("end", ""); }
  void OnUpstreamMessage(const wire::FramePiece& piece) override {
    wire.append(piece.wire.begin(), piece.wire.end());
    const std::string payload(piece.payload.begin(), piece.payload.end());
    if (piece.first) {
      told.push_back((piece.opcode == wire::Opcode::kText ? "message " : "binary ") + payload);
    } else {
      told.back() += payload;
    }
    if (after) after("message");
  }
  void OnUpstreamClose(uint16_t code, std::string_view reason) override {
    Tell("close", std::to_string(code) + (reason.empty() ? "" : " " + std::string(reason)));
  }
  void OnUpstreamBlocked() override { Tell("blocked", ""); }
  void OnUpstreamDrained() override { Tell("drained", ""); }
  void OnUpstreamClosed(CloseReason reason) override { Tell("closed", Describe(reason).label); }
  pool::RequestInLog request_in_log() const override { return in_log; }

 private:
  void Tell(std::string_view word, std::string_view rest) {
    told.push_back(rest.empty() ? std::string(word) : std::string(word) + " " + std::string(rest));
    if (after) after(word);
  }
  void Join(std::string_view word, std::string_view data) {
    if (!told.empty() && told.back().starts_with(word)) {
      told.back() += data;
      if (after) after(word);
    } else {
      Tell(word, data);
    }
  }
};

}  // namespace sheaf
