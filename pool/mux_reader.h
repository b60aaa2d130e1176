// Takes what a mux link receives apart into records: a frame comes in pieces, as it was read, and a record may be split
// over several of them.
//
// Part of a MuxLink; one thread only. Between two frames it holds no memory but that of its last split record.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "proxy/wire/mux_frame.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::pool {

class MuxReaderEvents {
 public:
  // The views of `record` are valid, and may be written to, until this returns. What it returns but kNone is a
  // violation, and the last that is taken.
  virtual wire::MuxFault OnRecord(const wire::MuxRecord& record) = 0;
  // Whether more is wanted.
  virtual bool takes_records() const = 0;

 protected:
  ~MuxReaderEvents() = default;
};

class MuxReader {
 public:
  explicit MuxReader(MuxReaderEvents& events) : events_(events) {}
  MuxReader(const MuxReader&) = delete;
  MuxReader& operator=(const MuxReader&) = delete;

  // A piece of a frame: tells of the records that are whole with it. Returns what is wrong, or kNone.
  wire::MuxFault Take(const wire::FramePiece& piece);

 private:
  // The records that lie whole in `bytes`, whose front is taken off.
  wire::MuxFault TakeRecords(std::span<uint8_t>& bytes);
  wire::MuxFault CompletePartial(std::span<uint8_t>& bytes);

  MuxReaderEvents& events_;
  std::string partial_;  // a record of which more is to come
};

}  // namespace sheaf::pool
