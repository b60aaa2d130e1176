// Whom a message of the app's on a mux link is for: the sets of sessions that it has named (GROUP), and what is half
// here of the messages to them.
//
// Part of a MuxLink; one thread only. Of streams only the numbers are kept: whoever is over is found out when something
// comes for it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "proxy/wire/message.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/mux_payload.h"
#include "proxy/wire/utf8.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::pool {

// A message for several sessions, or a part of one: a frame for each, in the record's own place.
struct MuxShared {
  wire::FramePiece part;
  std::span<const uint32_t> ids;  // those of the record, or the group's
  std::vector<uint32_t> listed;   // the record's
};

class MuxGroups {
 public:
  // `number`: from 1 to kMuxMaxGroup. False: its message is not over.
  [[nodiscard]] bool Set(uint32_t number, const wire::MuxStreams& ids);
  // What a MULTICAST has, into `shared`; its header and list are written over. Returns what is wrong, or kNone.
  wire::MuxFault Read(const wire::MuxRecord& record, MuxShared& shared);

 private:
  struct Group {
    std::vector<uint32_t> ids;
    bool amid_message = false;
    wire::Opcode opcode = wire::Opcode::kText;
    wire::Utf8Checker text;
  };

  static wire::MuxFault ReadListed(const wire::MuxRecord& record, wire::Opcode opcode, MuxShared& shared);

  std::array<std::unique_ptr<Group>, wire::kMuxMaxGroup> groups_;
};

}  // namespace sheaf::pool
