// A connection under test, what it told its owner, and the socket at its other end.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
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
  // With `tls` it is the server's side of a TLS connection.
  explicit Wire(bool small_buffers = false, const TlsContext* tls = nullptr) : pair(small_buffers) {
    connection = Connection::Accept(driver.loop(), pair.own, tls, io, recorder);
    REQUIRE(connection != nullptr);
  }

  RawSocket& peer() { return *pair.peer; }
  bool Told(std::string_view event) const { return recorder.Count(event) != 0; }
  // The other end sends all of `text` and closes; returns when the owner is told of that. `each_turn` is called between
  // the loop's turns.
  void SendAndClose(
      std::string_view text, const std::function<void()>& each_turn = [] {}) {
    bool closed = false;
    driver.Until([&] {
      if (!text.empty()) {
        peer().SendSome(text);
      } else if (!closed) {
        peer().Close();
        closed = true;
      }
      each_turn();
      return Told("eof");
    });
  }
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
