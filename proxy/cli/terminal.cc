#include "proxy/cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

namespace sheaf::cli {
namespace {

// The alternate buffer, without a cursor; lines that are too wide after all end at the margin. And the way back.
constexpr std::string_view kEnter = "\x1B[?1049h\x1B[?25l\x1B[?7l";
constexpr std::string_view kLeave = "\x1B[?7h\x1B[?25h\x1B[?1049l";
constexpr std::string_view kHome = "\x1B[H";
constexpr std::string_view kClearRestOfLine = "\x1B[K";
constexpr std::string_view kClearRest = "\x1B[J";

bool IsReadable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return poll(&one, 1, 0) > 0;
}

}  // namespace

std::unique_ptr<Terminal> Terminal::Open() {
  termios before{};
  if (isatty(STDOUT_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before) != 0) return nullptr;
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) return nullptr;
  std::unique_ptr<Terminal> terminal(new Terminal(signals, before));
  terminal->Enter();
  return terminal;
}

Terminal::~Terminal() {
  Leave();
  close(signals_);
}

void Terminal::Enter() {
  termios keys = before_;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
  Write(std::string(kEnter));
}

void Terminal::Leave() {
  Write(std::string(kLeave));
  tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

Terminal::Size Terminal::size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {80, 24};
  return {size.ws_col, size.ws_row};
}

void Terminal::Show(const std::vector<std::string>& lines) {
  std::string screen(kHome);
  for (size_t i = 0; i < lines.size(); ++i) {
    screen.append(i == 0 ? "" : "\r\n").append(lines[i]).append(kClearRestOfLine);
  }
  Write(screen.append(kClearRest));
}

Terminal::Happened Terminal::Wait(Moment until) {
  for (;;) {
    if (gone_) return {Event::kEnd};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    std::array<pollfd, 2> waiting{pollfd{signals_, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
    const int timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
    const int ready = poll(waiting.data(), waiting.size(), timeout);
    if (ready < 0 && errno != EINTR) return {Event::kEnd};
    if (ready == 0 && left <= timeout) return {Event::kTime};
    if (ready > 0) return waiting[0].revents != 0 ? TakeSignal() : TakeKey();
  }
}

bool Terminal::HasSignal() const {
  return IsReadable(signals_);
}

Terminal::Happened Terminal::TakeSignal() {
  signalfd_siginfo info{};
  if (read(signals_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return {Event::kRedraw};
  if (info.ssi_signo == SIGWINCH) return {Event::kRedraw};
  if (info.ssi_signo != SIGTSTP) return {Event::kEnd};
  Leave();
  raise(SIGSTOP);
  // The shell goes on here.
  Enter();
  return {Event::kRedraw};
}

Terminal::Happened Terminal::TakeKey() {
  char key = 0;
  const ssize_t count = read(STDIN_FILENO, &key, 1);
  if (count == 1) return {Event::kKey, key};
  return {count < 0 && errno == EINTR ? Event::kRedraw : Event::kEnd};
}

void Terminal::Write(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty() && !gone_) {
    const ssize_t count = write(STDOUT_FILENO, rest.data(), rest.size());
    if (count > 0) {
      rest.remove_prefix(static_cast<size_t>(count));
    } else if (errno != EINTR) {
      gone_ = true;
    }
  }
}

}  // namespace sheaf::cli
