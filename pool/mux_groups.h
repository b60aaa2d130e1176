// The sets of sessions that an app has named on a mux link (GROUP), and what is half here of the messages to them.
//
// Part of a MuxLink; one thread only. Of streams only the numbers are kept: whoever is over is found out when something
// comes for it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/wire/message.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/mux_payload.h"
#include "proxy/wire/utf8.h"

namespace sheaf::pool {

struct MuxGroup {
  std::vector<uint32_t> ids;
  bool amid_message = false;
  wire::Opcode opcode = wire::Opcode::kText;
  wire::Utf8Checker text;
};

class MuxGroups {
 public:
  // `number`: from 1 to kMuxMaxGroup. False: its message is not over.
  [[nodiscard]] bool Set(uint32_t number, const wire::MuxStreams& ids);
  // nullptr: it was not named.
  MuxGroup* Find(uint32_t number) { return groups_[number - 1].get(); }

 private:
  std::array<std::unique_ptr<MuxGroup>, wire::kMuxMaxGroup> groups_;
};

}  // namespace sheaf::pool
