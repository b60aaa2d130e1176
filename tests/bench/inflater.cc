#include "tests/bench/inflater.h"

#include <string>

#include "tests/bench/socket.h"

namespace sheaf::bench {
namespace {

constexpr size_t kMostInflated = 4 * 1024 * 1024;
// What a sender leaves off a message's end (RFC 7692 7.2.1).
constexpr std::string_view kTail("\x00\x00\xFF\xFF", 4);

// Inflated into by every client of the process.
std::string& Output() {
  static std::string output(kMostInflated, '\0');
  return output;
}

}  // namespace

Inflater::Inflater() {
  if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) Die("inflateInit2");
}

Inflater::~Inflater() {
  inflateEnd(&stream_);
}

std::optional<std::string_view> Inflater::Inflate(std::string_view compressed) {
  stream_.next_out = reinterpret_cast<Bytef*>(Output().data());
  stream_.avail_out = kMostInflated;
  if (!Feed(compressed) || !Feed(kTail)) return std::nullopt;
  return std::string_view(Output()).substr(0, kMostInflated - stream_.avail_out);
}

bool Inflater::Feed(std::string_view bytes) {
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write there
  stream_.avail_in = static_cast<uInt>(bytes.size());
  const int result = inflate(&stream_, Z_SYNC_FLUSH);
  // Z_BUF_ERROR says that nothing was left to do. The end of a stream within a message is legal, but nobody sends it.
  return (result == Z_OK || result == Z_BUF_ERROR) && stream_.avail_in == 0 && stream_.avail_out > 0;
}

}  // namespace sheaf::bench
