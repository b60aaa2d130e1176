// A WebSocket over a mux link, from the app's ACCEPT to the end of both directions: hands on what comes for it, and
// sends what its client has sent, each within the credit that the other side gives.
//
// Data goes straight through in both directions; it waits here only on its way up, while the app gives no credit or
// other sessions have their turn. See proxy/wire/mux_frame.md, "Flow control".
//
// Owned by the MuxLink. One thread only. Budget: 136 bytes, it lives as long as the client does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pool/affinity.h"
#include "pool/mux_slot.h"
#include "pool/session_count.h"
#include "pool/socket_stream.h"
#include "proxy/base/clock.h"
#include "proxy/base/pause.h"
#include "proxy/wire/utf8.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::pool {

class MuxLink;
class MuxSocket;

class MuxStream final : public MuxSlot {
 public:
  // What waits to go up.
  struct Waiting {
    explicit Waiting(MuxStream& of) : stream(of) {}
    // The record in front, of those that are left.
    wire::MuxRecord Next();

    ListHook hook_;  // the link's list of those whose turn comes, or of those that have no credit
    MuxStream& stream;
    std::string records;  // whole ones
    size_t at = 0;        // of the next one
    TimePoint since;      // when it last moved
    bool has_turn = false;
    bool told = false;  // the session, that it is too much
  };

  // `limits`: of the app's messages; outlives this.
  MuxStream(MuxLink& link, uint32_t id, const wire::FrameLimits& limits, SessionCount count, Affinity::Hold hold);
  ~MuxStream() override;

  // The session's end.
  void Attach(MuxSocket& socket) { socket_ = &socket; }
  // It is given up: what the client has sent still goes out.
  void Detach();
  void SetEvents(SocketEvents& events) { events_ = &events; }
  void SendMessage(const wire::FramePiece& piece);
  bool SendClose(uint16_t code, std::string_view reason);
  void PauseReading(PauseReason reason) { pauses_.Add(reason); }
  void ResumeReading(PauseReason reason);
  void ReadNow();
  const Endpoint& endpoint() const;

  wire::MuxFault OnRecord(const wire::MuxRecord& record) override;
  wire::MuxFault OnShared(const wire::FramePiece& part) override;
  void OnLinkLost(CloseReason reason) override;

  // The link's turn: sends one of the records that wait.
  void TakeTurn();
  // Nobody is there any more for whom it would wait so long.
  void GiveUpWaiting();
  bool given_up() const { return socket_ == nullptr; }

 private:
  // A message of the app that is half here.
  struct Partial {
    wire::Opcode opcode;
    uint64_t size = 0;
    wire::Utf8Checker text{};
    bool shared = false;  // for a group: nothing of this stream's own comes until its end
  };

  wire::MuxFault OnData(const wire::MuxRecord& record);
  wire::MuxFault OnCredit(const wire::MuxRecord& record);
  wire::MuxFault OnClose(const wire::MuxRecord& record);
  // Charges a part to the window. False: the message is too large, and the stream is over.
  bool Admit(const wire::FramePiece& part);
  void HandOn(const wire::FramePiece& part);
  void GiveCredit();
  // Parts from the session, and returns who is to be told.
  SocketEvents* Leave();
  void Break(CloseReason reason, uint16_t code);

  void SendPart(wire::Opcode opcode, std::span<const uint8_t> payload, uint32_t mask, bool last);
  void SendRecord(wire::MuxType type, bool more, std::span<const uint8_t> payload, uint32_t mask);
  Waiting& waiting();
  void Enlist();
  void OnAllSent();
  // Nothing more of it is to go out.
  void DropWaiting();

  MuxLink& link_;
  MuxSocket* socket_ = nullptr;     // nullptr: the session has given it up
  SocketEvents* events_ = nullptr;  // nullptr: nobody is told any more
  const wire::FrameLimits& limits_;
  std::unique_ptr<Waiting> waiting_;
  std::unique_ptr<Partial> partial_;
  SessionCount count_;
  Affinity::Hold hold_;
  int64_t credit_;     // bytes that may be sent up
  int32_t window_;     // bytes that the app may still send
  uint32_t owed_ = 0;  // bytes that have been taken, and for which no credit has been given yet
  std::unique_ptr<const std::string> said_reason_;  // in our CLOSE, if it has one
  uint16_t said_code_ = 0;                          // in our CLOSE; 0: none has been sent
  PauseReasons pauses_;
  bool said_close_ = false;
};

}  // namespace sheaf::pool
