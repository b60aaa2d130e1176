// Gathers what callbacks write to connections until the read that caused it is over, so that each connection gets one
// system call. Bytes that lie in the loop's receive buffer are borrowed, all others are copied.
//
// Owned by a Loop; one thread only. Entries keep their capacity: in the steady state nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sheaf::net {

class Connection;

class WriteGatherer {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Adds `bytes` to what `connection` will send. `slot` is the connection's place here (kNone: not yet), updated.
  // `borrowed`: the bytes stay valid until FlushAll, which ends the read they came from.
  void Add(Connection& connection, uint32_t& slot, std::span<const uint8_t> bytes, bool borrowed);

  // Gives up what is gathered for a connection that closes.
  void Drop(uint32_t& slot);

  // Bytes gathered for the connection in `slot`.
  size_t size(uint32_t slot) const;

  // Hands each connection its bytes (Connection::Transmit). Callbacks may add more, which is flushed too.
  void FlushAll();
  // Hands the one connection at `slot` its bytes.
  void Flush(uint32_t slot);

 private:
  struct Entry {
    Connection* connection = nullptr;
    std::span<const uint8_t> borrowed;
    std::vector<uint8_t> copied;  // goes before `borrowed`; only one of both is filled
  };
  static constexpr size_t kKeepCapacity = 64 * 1024;

  std::vector<Entry> entries_;
  size_t used_ = 0;
};

}  // namespace sheaf::net
