// A leak, simulated: linked into a test build of the program (sheaf_ballast), never into the program itself.
//
// The environment variable SHEAF_BALLAST_FILE names a file that holds a number of MiB. So much memory is held and
// in use besides what the program needs, within 50 ms of the file's change; a file that is missing or has no number
// changes nothing. The file of the same name with ".held" behind it tells how much is held. It is mapped, not
// allocated: what is let go is given back at once, and the program's heap stays as it is.
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::chrono::milliseconds kPoll(50);
constexpr size_t kMebibyte = 1024 * 1024;

class Ballast {
 public:
  Ballast() {
    const char* const file = std::getenv("SHEAF_BALLAST_FILE");
    if (file == nullptr) return;
    // Signals are the main thread's.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    thread_ = std::jthread([this, path = std::string(file)](const std::stop_token& stop) { Follow(path, stop); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  ~Ballast() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
    Hold(0);
  }

 private:
  void Follow(const std::string& path, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      size_t mebibytes = 0;
      if (std::ifstream(path) >> mebibytes && mebibytes != held_.size()) {
        Hold(mebibytes);
        std::ofstream(path + ".held") << held_.size() << "\n";
      }
      std::this_thread::sleep_for(kPoll);
    }
  }

  void Hold(size_t mebibytes) {
    while (held_.size() > mebibytes) {
      syscall(SYS_munmap, held_.back(), kMebibyte);
      held_.pop_back();
    }
    while (held_.size() < mebibytes) {
      void* const piece = Map();
      if (piece == MAP_FAILED) return;
      held_.push_back(piece);
    }
  }

  // A mebibyte. By the kernel itself: a sanitizer would keep several bytes of its own for each that is mapped or
  // written.
  static void* Map() {
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
    const int64_t address = syscall(SYS_mmap, nullptr, kMebibyte, PROT_READ | PROT_WRITE, kFlags, -1, 0);
    return address == -1 ? MAP_FAILED : reinterpret_cast<void*>(address);
  }

  std::vector<void*> held_;  // of the thread, until it has ended
  std::jthread thread_;
};

const Ballast ballast;

}  // namespace
