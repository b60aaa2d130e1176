#include "proxy/net/signal_reader.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "proxy/net/loop.h"

namespace sheaf::net {

Result<std::unique_ptr<SignalReader>> SignalReader::Create(Loop& loop, std::initializer_list<int> signals, Told told) {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : signals) sigaddset(&set, one);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return Error{"signals cannot be read: " + std::generic_category().message(errno)};
  std::unique_ptr<SignalReader> reader(new SignalReader(fd, std::move(told)));
  auto readable = Readable::Watch(loop, fd, [&reader = *reader] { reader.ReadPending(); });
  if (!readable.ok()) return Error{"signals cannot be read: " + readable.error()};
  reader->readable_ = std::move(readable.value());
  return reader;
}

SignalReader::~SignalReader() {
  readable_.reset();
  close(fd_);
}

void SignalReader::ReadPending() {
  signalfd_siginfo info{};
  while (read(fd_, &info, sizeof(info)) == sizeof(info)) told_(static_cast<int>(info.ssi_signo));
}

}  // namespace sheaf::net
