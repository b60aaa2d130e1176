#include "proxy/net/signal_reader.h"

#include <event2/event.h>
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
  reader->event_ = event_new(loop.base(), fd, EV_READ | EV_PERSIST, &SignalReader::OnReadable, reader.get());
  if (reader->event_ == nullptr || event_add(reader->event_, nullptr) != 0) {
    return Error{"signals cannot be read: the event loop does not take them"};
  }
  return reader;
}

SignalReader::~SignalReader() {
  if (event_ != nullptr) event_free(event_);
  close(fd_);
}

void SignalReader::ReadPending() {
  signalfd_siginfo info{};
  while (read(fd_, &info, sizeof(info)) == sizeof(info)) told_(static_cast<int>(info.ssi_signo));
}

void SignalReader::OnReadable(int /*fd*/, short /*what*/, void* self) {
  static_cast<SignalReader*>(self)->ReadPending();
}

}  // namespace sheaf::net
