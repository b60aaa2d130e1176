// A backend at the other end of an open WebSocket, played by hand.
//
//   StreamRecorder backend;
//   Session session(context, connection, backend.Open(), ...);
//   backend.Send(ServerFrame(wire::Opcode::kText, "hello"));
//   CHECK(backend.told == ...);   // "text hello", "close 1000 bye", "pause", "resume", "closed"
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/socket_stream.h"
#include "tests/fakes/frames.h"

namespace sheaf {

class StreamRecorder {
 public:
  std::vector<std::string> told;
  std::function<void(std::string_view)> after;  // called behind each call of the stream, with its first word

  std::unique_ptr<pool::SocketStream> Open() { return std::make_unique<Stream>(*this); }

  // The stream stands: its events may come.
  bool open() const { return events_ != nullptr; }
  // The session takes messages in runs.
  bool runs() const { return runs_; }
  pool::SocketEvents& events() {
    REQUIRE(open());
    return *events_;
  }

  // Has the stream tell of these frames, as far as it stands meanwhile.
  void Send(std::string bytes) {
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
    while (open() && !input.empty()) {
      const wire::FramePiece piece = runs_ ? decoder_.NextRun(input) : decoder_.Next(input);
      REQUIRE(piece.kind != wire::FramePiece::Kind::kError);
      if (piece.kind == wire::FramePiece::Kind::kData) events().OnUpstreamMessage(piece);
      if (piece.kind == wire::FramePiece::Kind::kClose) {
        events().OnUpstreamClose(piece.close_code, std::string(piece.payload.begin(), piece.payload.end()));
      }
    }
  }

 private:
  class Stream final : public pool::SocketStream {
   public:
    explicit Stream(StreamRecorder& recorder) : recorder_(recorder) {}
    ~Stream() override { recorder_.events_ = nullptr; }

    void SetEvents(pool::SocketEvents& events) override { recorder_.events_ = &events; }
    void AllowRuns() override { recorder_.runs_ = true; }
    void SendMessage(const wire::FramePiece& piece) override {
      for (const std::string& payload : PayloadsOf(piece, wire::FrameSource::kClient)) recorder_.Tell("text", payload);
    }
    const pool::Endpoint* endpoint() const override { return nullptr; }
    LinkUse link_use() const override { return {.reused = true}; }
    bool SendClose(uint16_t code, std::string_view reason) override {
      if (std::exchange(close_sent_, true)) return false;
      recorder_.Tell("close", std::to_string(code) + " " + std::string(reason));
      return true;
    }
    void PauseReading(PauseReason /*reason*/) override { recorder_.Tell("pause", ""); }
    void ResumeReading(PauseReason /*reason*/) override { recorder_.Tell("resume", ""); }
    void DeferReading(size_t /*bytes*/) override {}
    void ReadNow() override {}
    void Close(CloseReason /*reason*/) override {
      if (std::exchange(closed_, true)) return;
      recorder_.events_ = nullptr;  // no event follows
      recorder_.Tell("closed", "");
    }

   private:
    StreamRecorder& recorder_;
    bool close_sent_ = false;
    bool closed_ = false;
  };

  void Tell(std::string_view word, std::string_view rest) {
    told.push_back(std::string(word) + (rest.empty() ? "" : " ") + std::string(rest));
    if (after) after(word);
  }

  pool::SocketEvents* events_ = nullptr;
  bool runs_ = false;
  const wire::FrameLimits limits_{};
  wire::FrameDecoder decoder_{wire::FrameSource::kServer, limits_};
};

}  // namespace sheaf
