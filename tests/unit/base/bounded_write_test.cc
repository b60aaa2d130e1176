#include "proxy/base/bounded_write.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

class Pipe {
 public:
  Pipe() { REQUIRE(pipe2(ends_.data(), O_CLOEXEC) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    CloseReader();
    close(ends_[1]);
  }

  int writer() const { return ends_[1]; }
  void CloseReader() { close(std::exchange(ends_[0], -1)); }
  std::string Read(size_t count) const {
    std::string bytes(count, '\0');
    size_t had = 0;
    while (had < count) {
      const ssize_t got = read(ends_[0], bytes.data() + had, count - had);
      if (got <= 0) break;
      had += static_cast<size_t>(got);
    }
    bytes.resize(had);
    return bytes;
  }

 private:
  std::array<int, 2> ends_{};
};

std::string Numbers(size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text += std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("everything is written to a reader that reads, however slowly") {
  const Pipe pipe;
  const std::string text = Numbers(300'000);
  std::string got;
  std::thread reader([&] { got = pipe.Read(text.size()); });
  CHECK(WriteWithin(pipe.writer(), text, 30s));
  reader.join();
  CHECK(got == text);
}

TEST_CASE("a reader that hangs is waited for as long as was said, and the descriptor still blocks") {
  const Pipe pipe;
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(WriteWithin(pipe.writer(), Numbers(300'000), 30ms));
  CHECK(std::chrono::steady_clock::now() - begin >= 30ms);
  CHECK((fcntl(pipe.writer(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("with no time left it still writes what fits") {
  const Pipe pipe;
  CHECK(WriteWithin(pipe.writer(), "last words\n", -1s));
  CHECK(pipe.Read(11) == "last words\n");
}

TEST_CASE("a reader that is gone is not waited for") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.CloseReader();
  CHECK_FALSE(WriteWithin(pipe.writer(), "x", 1h));
  CHECK_FALSE(WriteWithin(-1, "x", 10ms));
}

}  // namespace sheaf
