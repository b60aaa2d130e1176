#include "proxy/doctor/trial.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

#include "proxy/net/address.h"

namespace sheaf::doctor {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kStartPatience(5000);
constexpr milliseconds kEndPatience(3000);
constexpr milliseconds kLook(5);

// Of 127.0.0.1, free a moment ago. 0: none could be had.
uint16_t FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool known = bind(probe, any, length) == 0 && getsockname(probe, any, &length) == 0;
  close(probe);
  return known ? ntohs(address.sin_port) : 0;
}

bool Accepts(const std::string& address) {
  const Result<net::Address> where = net::Address::Resolve(address);
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool accepts = where.ok() && connect(probe, where.value().data(), where.value().length()) == 0;
  close(probe);
  return accepts;
}

}  // namespace

Result<std::unique_ptr<Trial>> Trial::Start(std::vector<std::string> arguments, const ListenerOptions& listener) {
  const uint16_t port = FreePort();
  const int log = memfd_create("sheaf-doctor-log", MFD_CLOEXEC);
  if (port == 0 || log < 0) return Error{"no port or no memory for a trial: " + std::generic_category().message(errno)};
  std::unique_ptr<Trial> trial(new Trial("127.0.0.1:" + std::to_string(port), log));
  if (const auto spawned = trial->Spawn(std::move(arguments), listener); !spawned.ok()) return Error{spawned.error()};
  if (const auto listens = trial->WaitUntilItListens(); !listens.ok()) return Error{listens.error()};
  return trial;
}

Trial::~Trial() {
  if (process_ > 0) {
    kill(process_, SIGTERM);
    const auto patience_ends = steady_clock::now() + kEndPatience;
    while (waitpid(process_, nullptr, WNOHANG) == 0) {
      if (steady_clock::now() > patience_ends) kill(process_, SIGKILL);
      std::this_thread::sleep_for(kLook);
    }
  }
  close(log_);
}

Result<bool> Trial::Spawn(std::vector<std::string> arguments, const ListenerOptions& listener) {
  arguments.insert(arguments.begin(), "sheaf");
  // The last of several settings of a key counts.
  for (const std::string& own :
       {"listen.address=" + address_, std::string("listener=none"), std::string("listen.ipv6_only=false"),
        std::string("listen.socket_mode="), std::string("listen.proxy_protocol=off"),
        "listen.tls_certificate=" + listener.tls_certificate, "listen.tls_key=" + listener.tls_key,
        std::string("admin.address="), std::string("drain.delay=0s"), std::string("drain.timeout=1s"),
        std::string("log.format=text"), std::string("log.level=warning"), std::string("log.access=false")}) {
    arguments.insert(arguments.end(), {"--set", own});
  }
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, log_, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, log_, STDERR_FILENO);
  const int error = posix_spawn(&process_, "/proc/self/exe", &files, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error == 0) return true;
  process_ = -1;
  return Error{"cannot start a trial: " + std::generic_category().message(error)};
}

Result<bool> Trial::WaitUntilItListens() {
  const auto patience_ends = steady_clock::now() + kStartPatience;
  while (!Accepts(address_)) {
    if (waitpid(process_, nullptr, WNOHANG) != 0) {
      process_ = -1;
      std::string said;
      for (const std::string& line : Log()) said.append(said.empty() ? "" : "\n").append(line);
      return Error{"Sheaf does not start:\n" + said};
    }
    if (steady_clock::now() > patience_ends) return Error{"Sheaf was started and does not listen"};
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

std::vector<std::string> Trial::Log() const {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = pread(log_, buffer.data(), buffer.size(), static_cast<off_t>(text.size()))) > 0;) {
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace sheaf::doctor
