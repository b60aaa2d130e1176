// A CodecHost without a connection: what the codec sends is kept, and the stream can be closed from within a callback.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "pool/codec.h"
#include "tests/fakes/recording_events.h"

namespace sheaf {

class FakeCodecHost final : public pool::CodecHost {
 public:
  RecordingEvents recorder;
  std::string written;
  bool full = false;

  void WriteUpstream(std::span<const uint8_t> bytes) override { written.append(bytes.begin(), bytes.end()); }
  bool upstream_full() const override { return full; }
  pool::UpstreamEvents* events() override { return open_ ? &recorder : nullptr; }

  // The stream is closed from within the `nth` event that begins with `word`.
  void CloseDuring(std::string_view word, int nth = 1) {
    recorder.after = [this, word = std::string(word), nth](std::string_view told) mutable {
      if (told == word && --nth == 0) open_ = false;
    };
  }

 private:
  bool open_ = true;
};

}  // namespace sheaf
