// A mux link of the backend (proxy/wire/mux_frame.md): many clients over one WebSocket. Any token is taken, any session
// accepted; a broadcast is one MULTICAST to a group, and what is sent in a turn leaves together, as in the middleware.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/bench/backend_server.h"
#include "tests/bench/mux.h"

namespace sheaf::bench {

class Peer;
class MuxLink;

// One client of a link.
struct MuxSession : public Ticker {
  MuxSession(MuxLink& its_link, uint32_t number, Load its_load) : link(its_link), stream(number), load(its_load) {}
  void SendTick(Quote& quote) override;

  MuxLink& link;
  const uint32_t stream;
  const Load load;
  int64_t credit = 0;  // bytes that may be sent
  uint64_t ticks = 0;
};

// Owned by its peer.
class MuxLink : public Audience {
 public:
  static constexpr std::string_view kPath = "/.sheaf/mux";

  MuxLink(Server& server, Peer& peer);
  ~MuxLink() override;

  void SendBroadcast(std::string_view text) override;
  // A frame of the proxy's. False: it broke the protocol, or asked for more than a benchmark does.
  [[nodiscard]] bool OnFrame(std::string_view frame);
  // Gives what waits to the peer, as one frame.
  void HandOver();
  void SendText(MuxSession& session, std::string_view text);
  bool behind() const;

 private:
  [[nodiscard]] bool OnRecord(const MuxRecord& record);
  [[nodiscard]] bool OnOpen(const MuxRecord& record);
  [[nodiscard]] bool OnText(const MuxRecord& record);
  [[nodiscard]] bool OnCredit(const MuxRecord& record);
  void OnWord(MuxSession& session, std::string_view word);
  void Start(MuxSession& session);
  void Stop(MuxSession& session);
  // Where a record of so many bytes has its place: it leaves at the end of the turn.
  std::string& RoomFor(size_t bytes);

  Server& server_;
  Peer& peer_;
  uint32_t session_window_ = 0;  // 0: the proxy's HELLO has not come
  std::unordered_map<uint32_t, MuxSession> sessions_;
  std::vector<MuxSession*> listening_;
  std::vector<uint32_t> streams_;  // that a broadcast is for; kept, so that its memory is
  std::vector<uint32_t> group_;    // the group, as the proxy knows it
  std::string frame_;              // records that wait for the end of the turn
};

}  // namespace sheaf::bench
