// Inflates the messages of one connection that agreed on permessage-deflate, whether or not its context is kept.
#pragma once

#include <zlib.h>

#include <optional>
#include <string_view>

namespace sheaf::bench {

class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // The message; it is valid until the next call of any inflater. nullopt: no valid stream, or larger than 4 MiB.
  std::optional<std::string_view> Inflate(std::string_view compressed);

 private:
  bool Feed(std::string_view bytes);

  z_stream stream_{};
};

}  // namespace sheaf::bench
