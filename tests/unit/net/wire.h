// A connection under test, what it told its owner, and the socket at its other end.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/sockets.h"

namespace sheaf::net {

using Lines = std::vector<std::string>;

inline constexpr BufferMarks kMarks{64 * 1024, 16 * 1024};
inline constexpr auto kWatched =
    std::chrono::duration_cast<std::chrono::milliseconds>(3 * kTick);  // from then on hang-ups are told

struct Wire {
  explicit Wire(bool small_buffers = false) : pair(small_buffers) {
    connection = Connection::Accept(driver.loop(), pair.own, nullptr, io, recorder);
    REQUIRE(connection != nullptr);
  }

  RawSocket& peer() { return *pair.peer; }
  bool Told(std::string_view event) const { return recorder.Count(event) != 0; }
  // Writes until the output is blocked; returns all that was written.
  std::string WriteUntilBlocked() {
    std::string all;
    const std::string numbers = Numbered(5'000'000);
    while (!connection->blocked()) {
      const std::string_view part = std::string_view(numbers).substr(all.size(), 10'000);
      connection->Write(part);
      all += part;
      driver.loop().FlushWrites();
      REQUIRE(all.size() < numbers.size());
    }
    return all;
  }

  LoopDriver driver{{}, kMarks};
  Counter received, sent;
  IoCounters io{&received, &sent};
  ConnectionRecorder recorder;
  TcpPair pair;
  std::unique_ptr<Connection> connection;
};

}  // namespace sheaf::net
